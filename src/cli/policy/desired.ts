/** The policy that a file asks for, for commands that would bring it into force. */
import type { PolicyData } from '../../model/placement.ts'
import { checkPolicyFile } from '../../node/policy-files.ts'
import { type Diagnostic, formatDiagnostic, notEnforcedYet } from '../../policy/diagnostic.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Terminal } from '../terminal.ts'

/** Undefined where the file is no policy that could come into force: that is told then. */
export function desiredPolicy(
  config: string,
  json: boolean,
  terminal: Terminal,
): PolicyData | undefined {
  const { policy, diagnostics } = checkPolicyFile(config, new Date().toISOString().slice(0, 10))
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  const obstacles: readonly Diagnostic[] = policy ? notEnforcedYet(diagnostics) : errors
  if (policy && obstacles.length === 0) return policy
  if (json) terminal.json({ ok: false, diagnostics: obstacles })
  else {
    for (const obstacle of obstacles) terminal.line(formatDiagnostic(obstacle))
    terminal.line(`${config} can not come into force. See denizen policy check --config ${config}`)
  }
  terminal.exitCode = exitCodes.usage
  return undefined
}
