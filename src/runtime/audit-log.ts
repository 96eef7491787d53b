/**
 * The record of administrative acts: who did what to the node, and how it ended. Keys and values
 * never go into it.
 */
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { AdministrativeAct } from '../model/administrative-act.ts'
import type { Clock } from './clock.ts'
import { makeDirectory } from './node-disk.ts'

export interface Audit {
  /** Resolves when the act is on disk. */
  record(act: AdministrativeAct): Promise<void>
}

/**
 * One JSON line for each act, appended and synced one after the other. The file is opened for each,
 * so that it can be moved away at any time; acts are rare.
 */
export function auditLog(path: string, clock: Clock): Audit {
  let last = Promise.resolve()
  return {
    record(act) {
      const line = `${JSON.stringify({ at: new Date(clock.wallMs()).toISOString(), ...act })}\n`
      const recorded = last.then(() => append(path, line))
      last = recorded.catch(() => {})
      return recorded
    },
  }
}

async function append(path: string, line: string): Promise<void> {
  const file = await open(path, 'a', 0o600)
  try {
    await file.writeFile(line)
    await file.sync()
  } finally {
    await file.close()
  }
  await makeDirectory(dirname(path))
}
