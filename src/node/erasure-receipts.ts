/** Erasures as operators ask for them, and the receipts that say what has become of them. */
import type { EraseRequest, ErasureReceiptRequest } from '../api/administration.ts'
import type { ClusterRecord } from '../coordination/cluster-record.ts'
import { DenizenError } from '../model/errors.ts'
import type { Key } from '../model/key.ts'
import { timing } from '../model/limits.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { Erasures, RegionErasure } from '../movement/erasures.ts'
import type { Holds } from '../movement/holds.ts'
import { type Plain, type Receipt, signReceipt } from '../receipts/receipt.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Erasure } from '../storage/erasure.ts'
import { receiptSigner } from './receipt-keys.ts'

/** What erases, and moves groups between partitions. */
export interface Erasing {
  readonly table: PlacementTable
  readonly erasures: Erasures
  readonly holds: Holds
}

export interface ErasureReceiptsOptions extends Erasing {
  readonly clock: Clock
  /** The record, with a key that signs. */
  readonly keyedRecord: () => Promise<ClusterRecord>
}

/** How long it waits before it asks regions again: as long as a commit and a round trip take. */
const LOOK_MS = 100

/**
 * Erases a group, and waits a while for all regions. Throws `bad_request` for a key within a group,
 * and what `Erasures.erase` throws.
 */
export async function eraseGroup(
  options: ErasureReceiptsOptions,
  { dataset, group: asked, state, movedTo }: EraseRequest,
): Promise<Receipt> {
  const { table, erasures } = options
  const placement = ofWholeGroup(table, dataset, asked)
  if (movedTo !== undefined) otherPartition(table, placement, movedTo)
  const terms = {
    ...(state !== undefined && { ifTag: state }),
    ...(movedTo !== undefined && { movedTo }),
  }
  // Before anything is done: an erasure without a receipt would be one that nobody can show.
  const record = await options.keyedRecord()
  const { hash, erasure } = await erasures.erase(placement, asked, terms)
  const states = await settledStates(options, placement, hash, erasure)
  return receiptOf(options, record, { placement, hash, erasure, states }, erased)
}

/** Waits a while for those that answer. */
async function settledStates(
  { erasures, clock }: ErasureReceiptsOptions,
  placement: Placement,
  hash: string,
  erasure: Erasure,
): Promise<RegionErasure[]> {
  const deadlineMs = clock.monotonicMs() + timing.erasureWaitMaxMs
  for (;;) {
    const states = ofErasure(await erasures.states(placement, hash), erasure)
    if (states.every(isSettled) || clock.monotonicMs() >= deadlineMs) return states
    await new Promise<void>(resolve => clock.after(LOOK_MS, resolve))
  }
}

/** What has become of an erasure by now. Throws `not_found` where no region knows of it. */
export async function erasureReceipt(
  options: ErasureReceiptsOptions,
  { dataset, hash }: ErasureReceiptRequest,
): Promise<Receipt> {
  const placement = options.table.byId(dataset)
  if (!placement) throw new DenizenError('unknown_dataset', 'the policy has no such dataset')
  const record = await options.keyedRecord()
  const { erasure, states } = await newestErasure(options, placement, hash)
  return receiptOf(options, record, { placement, hash, erasure, states }, erased)
}

async function newestErasure(
  { erasures }: ErasureReceiptsOptions,
  placement: Placement,
  hash: string,
): Promise<Pick<Erased, 'erasure' | 'states'>> {
  const states = await erasures.states(placement, hash)
  const erasure = newestOf(states)
  if (!erasure) throw new DenizenError('not_found', 'no region that answers knows this erasure')
  return { erasure, states: ofErasure(states, erasure) }
}

/**
 * Of an act that ended in an erasure; waits a while for all regions. Throws `not_found` where none
 * knows of one.
 */
export async function receiptOfAct(
  options: ErasureReceiptsOptions,
  placement: Placement,
  hash: string,
  act: Act,
): Promise<Receipt> {
  const record = await options.keyedRecord()
  const { erasure } = await newestErasure(options, placement, hash)
  const states = await settledStates(options, placement, hash, erasure)
  return receiptOf(options, record, { placement, hash, erasure, states }, act)
}

/** Throws `bad_request` for a key within a group. */
export function ofWholeGroup(table: PlacementTable, dataset: string, group: Key): Placement {
  const placement = table.locateGroup(dataset, group)
  if (placement.groupOf(group) === group) return placement
  const detail = 'it is a key within a group: name the group, as all of it would be erased'
  throw new DenizenError('bad_request', detail)
}

/** Throws `bad_request` where the dataset has no other partition of that prefix. */
export function otherPartition(
  table: PlacementTable,
  { data: { name, prefix } }: Placement,
  other: string,
): void {
  const isOther = ({ data }: Placement) => data.prefix === other && other !== prefix
  if (table.partitions(name).some(isOther)) return
  throw new DenizenError('bad_request', 'movedTo is no other partition of the dataset')
}

/** Who does not answer now is not waited for. */
const isSettled = (state: RegionErasure): boolean =>
  'failure' in state || openReason(state) === undefined

interface Erased {
  readonly placement: Placement
  readonly hash: string
  readonly erasure: Erasure
  /** As `ofErasure` has them. */
  readonly states: readonly RegionErasure[]
}

/** A region may know an earlier erasure of the group, and not this one yet: that counts nothing. */
const ofErasure = (states: readonly RegionErasure[], { term }: Erasure): RegionErasure[] =>
  states.map(state =>
    'failure' in state || state.erasure?.term === term ? state : { ...state, erasure: undefined },
  )

/** What a receipt is of: what it has to say beside what every erasure says. */
export interface Act {
  readonly what: Readonly<Record<string, Plain>> & { readonly kind: string }
  readonly cannotProve: readonly string[]
}

const erased: Act = { what: { kind: 'erase' }, cannotProve: [] }

function receiptOf(
  { clock }: ErasureReceiptsOptions,
  record: ClusterRecord,
  { placement, hash, erasure, states }: Erased,
  act: Act,
): Receipt {
  const { slot, term, feed, position, atMs } = erasure
  const draft = {
    ...{ cluster: record.current.cluster, clusterId: record.clusterId },
    what: {
      ...act.what,
      ...{ dataset: placement.id, group: hash, erasedAtMs: atMs },
      ledger: { slot, term, feed, position, atMs },
    },
    issuedAtMs: Math.floor(clock.wallMs()),
    regions: states.flatMap(state => {
      if ('failure' in state || openReason(state) !== undefined || !state.purge) return []
      const { keys, rows, compactedAtMs } = state.purge
      return [{ region: state.region, confirmedAtMs: compactedAtMs, evidence: { keys, rows } }]
    }),
    open: states.flatMap(state => {
      const reason = openReason(state)
      return reason === undefined ? [] : [{ region: state.region, reason }]
    }),
    cannotProve: [...act.cannotProve, ...cannotProve(placement)],
  }
  return signReceipt(draft, receiptSigner(record))
}

function newestOf(states: readonly RegionErasure[]): Erasure | undefined {
  const known = states.flatMap(state => ('erasure' in state && state.erasure) || [])
  return known.toSorted((a, b) => b.term - a.term)[0]
}

/** Why a region has not confirmed; undefined: it has. */
function openReason(state: RegionErasure): string | undefined {
  if ('failure' in state) return `it does not answer: ${state.failure}`
  if (!state.erasure || !state.purge) return 'it has not heard of the erasure yet'
  if (state.purge.compactedAtMs > 0) return undefined
  return 'it has removed the rows, and its files may still have their bytes'
}

const cannotProve = ({ data }: Placement): string[] => [
  'That each region has told the truth: it speaks for itself, and the signature says only that this cluster wrote the receipt.',
  'What clients, logs of other systems, exports and copies outside of Denizen keep.',
  data.store.length > 1
    ? 'That backups made before are gone: they hold the group until they are deleted. A region that is restored from one erases it again before it serves, as long as another region that stores the dataset, or this receipt, is at hand.'
    : 'That backups made before are gone: they hold the group until they are deleted. No other region stores this dataset, so a restore from one erases it again only if it is given this receipt.',
  'What file systems, their snapshots and storage devices keep of blocks that were unlinked or written over, and machines of their memory.',
  'That nobody recognises the group: the ledger and this receipt name it by a keyed hash, which whoever has the secret of the cluster can hold against names.',
  'That keys of other groups do not speak of the same person.',
]
