/** What committing-child.ts writes: rows 0, 1, 2, …, and with each commit how many there are. */
import type { Engine, Row } from '../../../src/storage/engine.ts'

/** Rows in the largest commit. */
export const commitRowsMax = 5

const key = (number: number): Uint8Array => {
  const bytes = new Uint8Array(5).fill(1, 0, 1)
  new DataView(bytes.buffer).setUint32(1, number)
  return bytes
}

/** Some fit a page with others, some take pages of their own. */
export function numberedRow(number: number): Row {
  const sizeBytes = 20 + ((number * 7_919) % 97) * (number % 5 === 0 ? 97 : 3)
  return { key: key(number), value: new Uint8Array(sizeBytes).fill(number % 256) }
}

/** The commit that makes the store larger than `count` rows. */
export const rowsOfCommit = (count: number): Row[] =>
  Array.from({ length: 1 + (count % commitRowsMax) }, (_, i) => numberedRow(count + i))

/** Written with every commit, so that half a commit shows. */
export function countRow(count: number): Row {
  const value = new Uint8Array(4)
  new DataView(value.buffer).setUint32(0, count)
  return { key: Uint8Array.of(0), value }
}

export function readCount(store: Pick<Engine, 'get'>): number {
  const value = store.get(countRow(0).key)
  return value === undefined ? 0 : new DataView(value.buffer, value.byteOffset).getUint32(0)
}

/** The number of rows; throws where the store holds anything but them. */
export function countRows(engine: Engine): number {
  const count = readCount(engine)
  let number = 0
  for (const row of engine.range({ from: key(0), to: Uint8Array.of(2) })) {
    const expected = numberedRow(number)
    if (Buffer.compare(row.key, expected.key) !== 0) throw new Error(`row ${number} is missing`)
    if (Buffer.compare(row.value, expected.value) !== 0) throw new Error(`row ${number} differs`)
    number += 1
  }
  if (number !== count) throw new Error(`${number} rows, but the last commit said ${count}`)
  return count
}
