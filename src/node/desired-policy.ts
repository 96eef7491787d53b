/** The policy that a node's denizen.yaml asks for. */
import type { PolicyData } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { formatDiagnostic, notEnforcedYet } from '../policy/diagnostic.ts'
import { checkPolicyFile } from './policy-files.ts'
import { StartError } from './start-error.ts'

/**
 * Throws `StartError` for a file with errors, or with settings that this version does not enforce:
 * a promise that nobody keeps is worse than an error. Dates of legal data are not looked at, since
 * a restart must not depend on the calendar.
 */
export function desiredPolicy(configPath: string, region: RegionId): PolicyData {
  const { policy, diagnostics } = checkPolicyFile(configPath)
  const command = `denizen policy check --config ${configPath}`
  if (!policy) {
    const errors = diagnostics.filter(({ severity }) => severity === 'error')
    const lines = errors.map(formatDiagnostic).join('\n')
    throw new StartError(`the policy has errors; nothing was started\n${lines}`, `See ${command}`)
  }
  const promised = notEnforcedYet(diagnostics)
  if (promised.length > 0) {
    const lines = promised.map(formatDiagnostic).join('\n')
    throw new StartError(
      `the policy asks for what this version does not enforce; nothing was started\n${lines}`,
      'Leave these settings out.',
    )
  }
  if (policy.regions.some(({ id }) => id === region)) return policy
  throw new StartError(
    `the policy has no region ${region}`,
    `Use one of ${policy.regions.map(({ id }) => id).join(', ')}.`,
  )
}
