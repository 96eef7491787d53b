/**
 * Row 5: what the residency checks of a GET take of all that the node takes for one, under a policy
 * of fifty datasets and sixty regions. The checks are those of the request's way: the placement of
 * the key is looked up and the region admitted (api), then looked up again and the copy chosen
 * (routing). They are timed in a loop of their own, in this process, for keys of all datasets in
 * turn; the whole is the CPU time of a real node that runs the same policy, all threads, divided by
 * the GETs that it answered. The checks before a write reaches the disk are no part of a GET.
 */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { requirePolicy } from '../../src/cli/required-policy.ts'
import { loadHasher } from '../../src/model/hash.ts'
import { parseKey } from '../../src/model/key.ts'
import { PlacementTable } from '../../src/model/placement.ts'
import { admit, decide, type Intent, type Topology } from '../../src/routing/decide.ts'
import { inDirectory } from '../children.ts'
import { keyText } from '../keys.ts'
import { peak } from '../loads/peak.ts'
import { denizenPeer } from '../peers/denizen.ts'
import { type Seen, spreadOf } from '../rows.ts'
import type { Scale } from '../scale.ts'
import { connections, valueBytes } from './rates.ts'

export interface ResidencyRound {
  readonly checksNs: number
  readonly getCpuUs: number
}

export interface ResidencyReport {
  readonly datasets: number
  readonly regions: number
  readonly rounds: readonly ResidencyRound[]
  readonly seen: Seen
}

const self = 'eu-west'
const datasetCount = 50
const regionCount = 60
const loopKeys = 5_000
const catalogue = fileURLToPath(new URL('../../regions', import.meta.url))

/** All may be stored here, since it is here that they are read. */
const residencies = [
  'anywhere',
  '{ store: [eea] }',
  `{ store: [${self}, country:US] }`,
  '{ store: [eea, country:JP], serve: [eea, country:JP, country:US] }',
  `{ store: { any: [eea, provider:aws], except: [country:SE] }, home: [${self}] }`,
]

const nameOf = (dataset: number): string => `dataset-${dataset}`

/** Homes are pinned, so that the node needs no other region to answer. */
function policyText(): string {
  const known = readdirSync(catalogue).map(name => name.replace(/\.yaml$/, ''))
  const regions = [self, ...known.filter(it => it !== self)].slice(0, regionCount)
  const datasets = Array.from({ length: datasetCount }, (_, index) => {
    const residency = residencies[index % residencies.length]
    return `  ${nameOf(index)}: { residency: ${residency}, homing: { pinned: ${self} } }`
  })
  const head = ['cluster: bench', `coordination: { static: ${self} }`]
  return [...head, `regions: [${regions.join(', ')}]`, 'datasets:', ...datasets, ''].join('\n')
}

export async function benchResidency(scale: Scale, threads: number): Promise<ResidencyReport> {
  const text = policyText()
  return await inDirectory(async directory => {
    const configPath = join(directory, 'denizen.yaml')
    writeFileSync(configPath, text)
    const policy = requirePolicy(configPath)
    const check = checksOf(new PlacementTable(policy, 1, await loadHasher()))
    // One of those that are bound to a law.
    const dataset = nameOf(3)
    const peer = await denizenPeer({
      ...{ directory, valueBytes, threads, policy: { text, region: self, dataset } },
    })
    try {
      await peer.start()
      await peer.fill(0, scale.keys, valueBytes)
      const { keys, seconds, warmUp } = scale
      const get = { operation: 'get', connections, keys, valueBytes, seconds } as const
      const measured = { ...get, warmUpSeconds: warmUp.seconds }
      check(scale.residencyChecks)
      if (warmUp.isWhole) await peak(peer, measured)
      const rounds: ResidencyRound[] = []
      for (let round = 0; round < scale.rounds; round++) {
        const checksNs = check(scale.residencyChecks)
        const { serverCpuUs } = await peak(peer, measured)
        rounds.push({ checksNs, getCpuUs: serverCpuUs })
      }
      await peer.verify(scale.keys, valueBytes)
      const percents = rounds.map(it => (it.checksNs / 1_000 / it.getCpuUs) * 100)
      return {
        datasets: policy.placements.length,
        regions: policy.regions.length,
        rounds,
        seen: { seen: spreadOf(percents) },
      }
    } finally {
      await peer.stop()
    }
  })
}

/** CPU time of all residency checks of one GET, in ns: the mean of so many. */
function checksOf(table: PlacementTable): (count: number) => number {
  const topology: Topology = {
    self,
    byNearness: table.data.regions.map(({ id }) => id),
    reachable: region => region === self,
    passes: () => true,
  }
  const intent: Intent = {
    ...{ kind: 'read', creates: false, consistency: 'session', hint: self, behind: false },
  }
  const unasked = { kind: 'unasked' } as const
  const urlOf = (): undefined => undefined
  const keys = Array.from({ length: loopKeys }, (_, index) => parseKey(keyText(index)))
  return count => {
    let served = 0
    const before = process.cpuUsage()
    for (let n = 0; n < count; n++) {
      // Made anew, as a request brings it: its hash has to be computed.
      const dataset = nameOf(n % datasetCount)
      const key = keys[n % loopKeys] as (typeof keys)[number]
      const admission = admit(table.locate(dataset, key), topology, undefined, urlOf)
      const placement = table.locate(dataset, key)
      const decision = decide(intent, placement, key, unasked, topology)
      if (admission.kind === 'serve' && decision.action === 'execute') served += 1
    }
    const { user, system } = process.cpuUsage(before)
    if (served !== count) throw new Error('the checks do not admit what the node answers')
    return ((user + system) / count) * 1_000
  }
}
