/** All records of a dataset, or of a group, in key order, page by page, as they were put. */
import { z } from 'zod'
import { compareUtf8 } from '../../model/bytes.ts'
import { limits } from '../../model/limits.ts'
import type { ClusterView } from '../../routing/service.ts'
import { ask, decodeData } from '../http-client.ts'

export interface ExportedRecord {
  readonly key: string
  readonly mediaType: string
  readonly bytes: Uint8Array
  readonly version: string
  /** Wall-clock ms; undefined where it stays. */
  readonly expiresAtMs: number | undefined
}

export interface ExportQuery {
  readonly url: string
  readonly dataset: string
  /** Beginning of the keys. */
  readonly prefix: string
  /** Instead: only the keys of this group, or of the group of this key, as its home has them. */
  readonly group?: string
  /** Only keys behind it, in byte order. */
  readonly after?: string
}

const itemSchema = z
  .object({
    key: z.string(),
    etag: z.string(),
    type: z.string(),
    bytes: z.instanceof(Uint8Array),
    expiresAt: z.iso.datetime().optional(),
  })
  .transform(
    ({ key, etag, type: mediaType, bytes, expiresAt }): ExportedRecord => ({
      ...{ key, mediaType, bytes, version: etag.replaceAll('"', '') },
      expiresAtMs: expiresAt === undefined ? undefined : Date.parse(expiresAt),
    }),
  )
const pageSchema = z.object({
  items: z.array(itemSchema),
  next: z.string().optional(),
})

/** Each page of each of the prefixes. Throws `CliError`. */
export async function* readPages(
  { url, dataset, after, group, ...query }: ExportQuery,
  view: ClusterView | undefined,
): AsyncGenerator<readonly ExportedRecord[]> {
  const parts: readonly Part[] =
    group === undefined
      ? prefixesOf(dataset, query.prefix, view).map(prefix => ({ prefix }))
      : [{ group }]
  for (const part of parts) {
    for (let next: string | undefined = after ?? ''; next !== undefined; ) {
      const page = await readPage(url, dataset, part, next)
      yield page.items
      next = page.next
    }
  }
}

/** What one list is of. */
type Part = { readonly prefix: string } | { readonly group: string }

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
  part: Part,
  after: string,
): Promise<z.infer<typeof pageSchema>> {
  const query = new URLSearchParams({
    ...part,
    limit: String(limits.listItemsMax),
    values: 'bytes',
  })
  if (after !== '') query.set('after', after)
  const path = `/v1/kv/${encodeURIComponent(dataset)}?${query}`
  const headers = {
    accept: 'application/cbor',
    ...('group' in part && { 'denizen-consistency': 'strong' }),
  }
  return pageSchema.parse(decodeData(await ask({ method: 'GET', url, path, headers })))
}
