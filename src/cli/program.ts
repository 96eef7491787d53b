/** The tree of commands. */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { z } from 'zod'
import { registerBackup } from './commands/backup.ts'
import { registerBench } from './commands/bench.ts'
import { registerCheckHistory } from './commands/check-history.ts'
import { registerDelete } from './commands/del.ts'
import { registerDev } from './commands/dev.ts'
import { registerDoctor } from './commands/doctor.ts'
import { registerErase } from './commands/erase.ts'
import { registerExplain } from './commands/explain.ts'
import { registerExport } from './commands/export.ts'
import { registerGet } from './commands/get.ts'
import { registerImport } from './commands/import.ts'
import { registerList } from './commands/ls.ts'
import { registerMove } from './commands/move.ts'
import { registerPolicy } from './commands/policy-check.ts'
import { registerPut } from './commands/put.ts'
import { registerReceipt } from './commands/receipt.ts'
import { registerRehome } from './commands/rehome.ts'
import { registerRestore } from './commands/restore.ts'
import { registerServe } from './commands/serve.ts'
import { registerSim } from './commands/sim.ts'
import { registerStatus } from './commands/status.ts'
import { registerToken } from './commands/token.ts'
import { registerUpgrade } from './commands/upgrade.ts'
import { registerWatch } from './commands/watch.ts'
import { exitCodesHelp } from './exit-codes.ts'
import type { Terminal } from './terminal.ts'

export function createProgram(terminal: Terminal): Command {
  const program = new Command('denizen')
    .description('a datacenter-aware key-value store')
    .version(packageVersion(), '-V, --version')
    .enablePositionalOptions()
    .showHelpAfterError('(add --help for usage and examples)')
    .exitOverride()
    .addHelpText(
      'after',
      ['', 'Start here:', '  $ denizen dev', '', exitCodesHelp().trimEnd()].join('\n'),
    )
  // Subcommands inherit what is set above, so they come after it.
  registerDev(program, terminal)
  registerServe(program, terminal)
  registerStatus(program, terminal)
  registerGet(program, terminal)
  registerPut(program, terminal)
  registerDelete(program, terminal)
  registerList(program, terminal)
  registerWatch(program, terminal)
  registerExplain(program, terminal)
  registerRehome(program, terminal)
  registerMove(program, terminal)
  registerErase(program, terminal)
  registerReceipt(program, terminal)
  registerImport(program, terminal)
  registerExport(program, terminal)
  registerPolicy(program, terminal)
  registerDoctor(program, terminal)
  registerBackup(program, terminal)
  registerRestore(program, terminal)
  registerUpgrade(program, terminal)
  registerToken(program, terminal)
  registerSim(program, terminal)
  registerBench(program, terminal)
  registerCheckHistory(program, terminal)
  return program
}

function packageVersion(): string {
  const file = new URL('../../package.json', import.meta.url)
  return z.object({ version: z.string() }).parse(JSON.parse(readFileSync(file, 'utf8'))).version
}
