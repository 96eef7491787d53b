/**
 * Calls that no region of a world would make: about a dataset that it may not have, as one on
 * another policy would, or to a region that is not the keeper, as one that takes it for that.
 * Each is well formed, and each is to be refused.
 */
import type { PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { build } from '../node/build.ts'
import { keyOf } from './marks.ts'

/** What is asked of a dataset, by the name of the call. */
const ofDatasets: Readonly<Record<string, (dataset: string, self: RegionId) => object>> = {
  execute: dataset => ({
    dataset,
    steps: [{ operation: { kind: 'get', key: hotOf(dataset) }, as: 'copy', seen: [] }],
  }),
  registrar: dataset => ({ dataset, epoch: 1, kind: 'lookup', groups: [hotOf(dataset)] }),
  list: dataset => ({ dataset, prefix: '', limit: 5, values: true, seen: [] }),
  inspect: dataset => ({ dataset, key: hotOf(dataset) }),
  rehome: (dataset, self) => ({ kind: 'move', dataset, group: hotOf(dataset), to: self }),
  erase: dataset => ({ kind: 'begin', dataset, group: hotOf(dataset) }),
  hold: dataset => ({ dataset, group: hotOf(dataset), forMs: 0 }),
  policy: dataset => ({ kind: 'ends', dataset, policyEpoch: 1, phase: 'prepare' }),
  repair: dataset => ({ dataset, key: hotOf(dataset) }),
  'compare.digests': dataset => ({ dataset, states: new Uint8Array(16) }),
  'compare.page': dataset => ({
    ...{ dataset, slot: 0, after: null, upTo: null, sum: '0'.repeat(16), records: 0 },
  }),
  'compare.witness': dataset => ({
    ...{ dataset, slot: 0, records: [{ key: hotOf(dataset), feed: 1, position: 0 }] },
  }),
}

/** What only the keeper answers. */
const ofKeeper: Readonly<Record<string, object>> = {
  'coordination.join': { nodeId: 'astray', url: 'http://astray', build },
  'coordination.finalize': {},
  'coordination.receiptKey': { rotate: false },
  change: { kind: 'receipt' },
}

const hotOf = (dataset: string): string => keyOf(dataset, 'hot0')

export const mayStray = (call: string): boolean => call in ofKeeper

interface Asks {
  ask(to: RegionId, call: string, body: object): void
}

interface Trespass {
  readonly call: string
  readonly self: RegionId
  readonly table: PlacementTable
}

export class MisplacedAsks {
  /** By the region that was asked: refusals that its residency checks have to count. */
  readonly #awaited = new Map<RegionId, number>()

  /** Asks each region that stores what `self` may not have for some of it. */
  trespass({ call, self, table }: Trespass, by: Asks): void {
    for (const { id, data } of table.placements) {
      const { store, serve, left = [] } = data
      if ([...store, ...serve, ...left].includes(self)) continue
      for (const to of data.store) {
        const body = trespassOf(call, self, to, id)
        if (!body) continue
        this.#awaited.set(to, (this.#awaited.get(to) ?? 0) + 1)
        by.ask(to, call, body)
      }
    }
  }

  /** Asks one that is not the keeper. */
  stray(to: RegionId, call: string, by: Asks): void {
    const body = ofKeeper[call]
    if (body) by.ask(to, call, body)
  }

  /** A residency check of this region was to refuse something, and has. */
  isAwaited(region: RegionId): boolean {
    const awaited = this.#awaited.get(region) ?? 0
    if (awaited > 0) this.#awaited.set(region, awaited - 1)
    return awaited > 0
  }
}

/** Undefined where the call is about no dataset. */
function trespassOf(
  call: string,
  self: RegionId,
  to: RegionId,
  dataset: string,
): object | undefined {
  const [way, name = ''] = /^relay(?:ed)?\./.test(call) ? call.split(/\.(.*)/s) : ['', call]
  const body = ofDatasets[name]?.(dataset, self)
  if (!body) return undefined
  if (way === 'relay') return { to, timeoutMs: 1_000, body }
  return way === 'relayed' ? { origin: self, body } : body
}
