/** Denizen as it is deployed: `serve` processes on lmdb, with data in a temporary directory. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { planRegions } from '../../src/cli/dev/plan.ts'
import { freePorts } from '../../src/cli/dev/ports.ts'
import { World } from '../../src/cli/dev/world.ts'
import { requirePolicy } from '../../src/cli/required-policy.ts'
import { assert } from '../../src/model/assert.ts'

const readyMaxMs = 60_000

export interface BenchWorldOptions {
  /** The text of a policy, or the path of one. */
  readonly policy: { readonly text: string } | { readonly path: string }
  readonly latency: 'none' | 'real'
  readonly threads: number
}

/** Runs a task in a world that is ready; nothing of the world is left. */
export async function inWorld<T>(
  { policy, latency, threads }: BenchWorldOptions,
  task: (world: World) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'denizen-bench-'))
  let configPath = join(directory, 'denizen.yaml')
  if ('text' in policy) writeFileSync(configPath, policy.text)
  else configPath = policy.path
  let world: World | undefined
  try {
    const { regions } = requirePolicy(configPath)
    const ports = await freePorts(2 * regions.length)
    const portOf = (index: number): number => {
      const port = ports[index]
      assert(port !== undefined, 'two ports for each region')
      return port
    }
    world = await World.start({
      regions: planRegions(requirePolicy(configPath), index => ({
        port: portOf(2 * index),
        peerPort: portOf(2 * index + 1),
      })),
      configPath,
      dataDirectory: join(directory, 'data'),
      latency,
      threads,
      capture: false,
      onDeath: (region, { code, signal }, lines) => {
        process.stderr.write([`${region} ended: ${signal ?? code}`, ...lines, ''].join('\n'))
      },
    })
    await world.ready(
      regions.map(({ id }) => id),
      readyMaxMs,
    )
    return await task(world)
  } finally {
    await world?.close()
    await rm(directory, { recursive: true, force: true, maxRetries: 3 })
  }
}
