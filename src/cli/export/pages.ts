/** All records of a dataset in key order, page by page, as they were put. */
import { z } from 'zod'
import { compareUtf8 } from '../../model/bytes.ts'
import { limits } from '../../model/limits.ts'
import type { ClusterView } from '../../routing/service.ts'
import { ask, decodeData } from '../http-client.ts'

export interface ExportedRecord {
  readonly key: string
  readonly mediaType: string
  readonly bytes: Uint8Array
  /** Wall-clock ms; undefined where it stays. */
  readonly expiresAtMs: number | undefined
}

export interface ExportQuery {
  readonly url: string
  readonly dataset: string
  /** Beginning of the keys. */
  readonly prefix: string
  /** Only keys behind it, in byte order. */
  readonly after?: string
}

const itemSchema = z
  .object({
    key: z.string(),
    type: z.string(),
    bytes: z.instanceof(Uint8Array),
    expiresAt: z.iso.datetime().optional(),
  })
  .transform(
    ({ key, type: mediaType, bytes, expiresAt }): ExportedRecord => ({
      ...{ key, mediaType, bytes },
      expiresAtMs: expiresAt === undefined ? undefined : Date.parse(expiresAt),
    }),
  )
const pageSchema = z.object({
  items: z.array(itemSchema),
  next: z.string().optional(),
})

/** Each page of each of the prefixes. Throws `CliError`. */
export async function* readPages(
  { url, dataset, after, ...query }: ExportQuery,
  view: ClusterView | undefined,
): AsyncGenerator<readonly ExportedRecord[]> {
  for (const prefix of prefixesOf(dataset, query.prefix, view)) {
    for (let next: string | undefined = after ?? ''; next !== undefined; ) {
      const page = await readPage(url, dataset, prefix, next)
      yield page.items
      next = page.next
    }
  }
}

/** A list lies in one partition: those that the prefix contains, or lies in, in key order. */
function prefixesOf(
  dataset: string,
  prefix: string,
  view: ClusterView | undefined,
): readonly string[] {
  const partitions = (view?.datasets ?? []).flatMap(({ name, partition }) =>
    name === dataset && partition !== undefined ? partition : [],
  )
  const within = partitions.filter(partition => partition.startsWith(prefix)).sort(compareUtf8)
  return within.length === 0 ? [prefix] : within
}

async function readPage(
  url: string,
  dataset: string,
  prefix: string,
  after: string,
): Promise<z.infer<typeof pageSchema>> {
  const query = new URLSearchParams({ prefix, limit: String(limits.listItemsMax), values: 'bytes' })
  if (after !== '') query.set('after', after)
  const path = `/v1/kv/${encodeURIComponent(dataset)}?${query}`
  const headers = { accept: 'application/cbor' }
  return pageSchema.parse(decodeData(await ask({ method: 'GET', url, path, headers })))
}
