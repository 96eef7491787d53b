/**
 * The source's side of a replacing snapshot, in the shard: all that a slot holds, in parts, each
 * from a short snapshot of its own.
 */
import { compareUtf8 } from '../model/bytes.ts'
import type { Slot } from '../model/slot.ts'
import { encodeErasure } from '../storage/erasure.ts'
import { encodeHomeMarker } from '../storage/home-marker.ts'
import { damagedHead } from '../storage/record.ts'
import type { StoreReader } from '../storage/store.ts'
import type { ReplaceChunk } from './messages.ts'
import { ITEM_OVERHEAD_BYTES } from './read-feeds.ts'

export interface ReadSnapshotRequest {
  readonly slot: Slot
  /** Exclusive; null begins the snapshot. */
  readonly from: string | null
  readonly bytesMax: number
}

export type SnapshotPart = Omit<ReplaceChunk, 'type' | 'dataset'>

/** A snapshot can't go past a damaged record: what it left out would be dropped by who takes it. */
export interface StalledSnapshot {
  readonly slot: Slot
  readonly damaged: string
}

/**
 * A part of a replacing snapshot of one slot: the rows whose texts follow `from`, of any kind,
 * so that no part grows with the number of rows of one kind. The caller keeps the cursors of the
 * first part.
 */
export function readSnapshot(
  store: StoreReader,
  request: ReadSnapshotRequest,
): SnapshotPart | StalledSnapshot {
  const { slot, from, bytesMax } = request
  const { ownFeed } = store.context
  const records: { key: string; bytes: Uint8Array }[] = []
  const markers: { group: string; bytes: Uint8Array }[] = []
  const idempotency: { scope: string; bytes: Uint8Array }[] = []
  let bytes = 0
  let last = from
  let to: string | null = null
  for (const row of rowsOfSlot(store, slot, from)) {
    if (bytes >= bytesMax && row.text !== last) {
      to = last
      break
    }
    last = row.text
    if (row.kind === 'record') {
      if (store.heldHead(row.text) === damagedHead) return { slot, damaged: row.text }
      records.push({ key: row.text, bytes: row.bytes })
    } else if (row.kind === 'marker') markers.push({ group: row.text, bytes: row.bytes })
    else idempotency.push({ scope: row.text, bytes: row.bytes })
    bytes += row.bytes.length + row.text.length + ITEM_OVERHEAD_BYTES
  }
  const cursors = [...store.feedsOfSlot(slot)].map(({ feed, state }) => ({
    feed,
    position: state.complete,
  }))
  const erasures = from === null ? erasuresOf(store, slot) : []
  const rows = {
    ...{ records, markers, ...(idempotency.length > 0 && { idempotency }) },
    ...(erasures.length > 0 && { erasures }),
  }
  return { slot, feed: ownFeed, from, to, ...rows, cursors, bytes }
}

/** What is refused because of one comes after all of them. */
const erasuresOf = (store: StoreReader, slot: Slot) =>
  [...store.erasures()]
    .filter(({ erasure }) => erasure.slot === slot)
    .map(({ hash, erasure }) => ({ hash, bytes: encodeErasure(erasure) }))

interface TextRow {
  readonly kind: 'record' | 'marker' | 'idempotency'
  readonly text: string
  readonly bytes: Uint8Array
}

/** What a slot holds under texts after `from`, in the order of the texts. */
function* rowsOfSlot(
  store: StoreReader,
  slot: Slot,
  from: string | null,
): IterableIterator<TextRow> {
  const records = Iterator.from(store.recordRows('', from ?? undefined)).map(({ key, bytes }) => {
    const row: TextRow = { kind: 'record', text: key, bytes }
    return { row, of: store.slotOfKey(key) }
  })
  const markers = Iterator.from(store.homeMarkers(from, null)).map(({ group, marker }) => {
    const row: TextRow = { kind: 'marker', text: group, bytes: encodeHomeMarker(marker) }
    return { row, of: store.context.placement.slotOf(group) }
  })
  const idempotency = Iterator.from(store.idempotencyRows(from, null)).map(({ scope, bytes }) => {
    const row: TextRow = { kind: 'idempotency', text: scope, bytes }
    return { row, of: store.slotOfScope(scope) }
  })
  const ofSlot = [records, markers, idempotency].map(rows =>
    rows.filter(({ of }) => of === slot).map(({ row }) => row),
  )
  yield* mergedByText(ofSlot)
}

function* mergedByText(
  sources: readonly IteratorObject<TextRow, undefined>[],
): IterableIterator<TextRow> {
  try {
    const heads = sources.map(source => ({ source, row: source.next().value }))
    while (true) {
      let least: { readonly row: TextRow; readonly head: (typeof heads)[number] } | undefined
      for (const head of heads) {
        const { row } = head
        if (row && (!least || compareUtf8(row.text, least.row.text) < 0)) least = { row, head }
      }
      if (!least) return
      yield least.row
      least.head.row = least.head.source.next().value
    }
  } finally {
    for (const source of sources) source.return?.()
  }
}
