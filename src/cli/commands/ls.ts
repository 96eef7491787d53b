/** `denizen ls`: keys in key order. */
import type { Command } from 'commander'
import { z } from 'zod'
import { limits } from '../../model/limits.ts'
import { examples, integerIn, withJson, withUrl } from '../arguments.ts'
import { askData } from '../http-client.ts'
import type { Terminal } from '../terminal.ts'

interface ListOptions {
  readonly url: string
  readonly after?: string
  readonly limit: number
  readonly values: boolean
  readonly all: boolean
  readonly json: boolean
}

const pageSchema = z.looseObject({
  items: z.array(
    z.looseObject({
      key: z.string(),
      value: z.unknown().optional(),
      bytes: z.string().optional(),
    }),
  ),
  next: z.string().optional(),
})
type Page = z.infer<typeof pageSchema>

export function registerList(program: Command, terminal: Terminal): void {
  const command = program
    .command('ls <dataset> [prefix]')
    .description('list keys in key order, one page or all')
  withJson(withUrl(command))
    .option('--after <key>', 'begin behind this key')
    .option(
      '--limit <n>',
      'keys of a page',
      integerIn(1, limits.listItemsMax),
      limits.listItemsDefault,
    )
    .option('--values', 'show the values too', false)
    .option('--all', 'all pages, not only one', false)
    .addHelpText(
      'after',
      examples('denizen ls cities jp/', 'denizen ls cities jp/ --values --all --json'),
    )
    .action(async (dataset: string, prefix: string | undefined, options: ListOptions) => {
      let after = options.after
      do {
        const page = await readPage(dataset, prefix ?? '', after, options)
        show(terminal, page, options)
        after = page.next
      } while (after !== undefined && options.all)
      if (after !== undefined && !options.json) {
        terminal.note(`more: add --after ${quoteForShell(after)}, or --all`)
      }
    })
}

async function readPage(
  dataset: string,
  prefix: string,
  after: string | undefined,
  { url, limit, values }: ListOptions,
): Promise<Page> {
  const query = new URLSearchParams({ prefix, limit: String(limit), values: String(values) })
  if (after !== undefined) query.set('after', after)
  const path = `/v1/kv/${encodeURIComponent(dataset)}?${query}`
  return pageSchema.parse(await askData(url, path))
}

/** As JSON: one object for each page, on one line with --all, so that pages can be streamed. */
function show(terminal: Terminal, page: Page, { json, values, all }: ListOptions): void {
  if (json && all) terminal.line(JSON.stringify(page))
  else if (json) terminal.json(page)
  else for (const item of page.items) terminal.line(values ? withValue(item) : item.key)
}

const withValue = ({ key, value, bytes }: Page['items'][number]): string =>
  `${key}\t${bytes === undefined ? JSON.stringify(value) : `(bytes) ${bytes}`}`

export const quoteForShell = (text: string): string =>
  /^[\w./~-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
