/** The files of a checkout and the imports between them. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { type Import, readSource, type Source } from './source.ts'

export interface Finding {
  readonly rule: string
  readonly file: string
  readonly line?: number
  readonly message: string
}

export interface Edge extends Import {
  readonly from: string
  readonly to: string
}

export interface Tree {
  readonly sources: ReadonlyMap<string, Source>
  /** Imports of files of the tree, by the file that imports. */
  readonly edges: ReadonlyMap<string, readonly Edge[]>
}

/** The texts by their paths from the checkout's top, with `/` between the segments. */
export function treeOf(texts: Readonly<Record<string, string>>): Tree {
  const sources = new Map(
    Object.entries(texts).map(([path, text]) => [path, readSource(path, text)]),
  )
  const edges = new Map(
    [...sources.values()].map(({ path, imports }) => [
      path,
      imports
        .filter(({ specifier }) => specifier.startsWith('.'))
        .map(it => ({ ...it, from: path, to: normalize(join(dirname(path), it.specifier)) })),
    ]),
  )
  return { sources, edges }
}

export function readTree(checkout: string, folders: readonly string[]): Tree {
  const files = folders.flatMap(folder =>
    readdirSync(join(checkout, folder), { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile() && /\.(ts|js)$/.test(entry.name))
      .map(entry => relative(checkout, join(entry.parentPath, entry.name))),
  )
  return treeOf(
    Object.fromEntries(
      files.sort().map(file => [file, readFileSync(join(checkout, file), 'utf8')]),
    ),
  )
}

/** `src/api/routes/kv.ts` is in the folder `api` of src; elsewhere there are no folders. */
export function folderOf(path: string): string | undefined {
  const [top, folder, rest] = path.split('/')
  return top === 'src' && rest !== undefined ? folder : undefined
}

/** Files that are reached from the entries, each with the path of imports that leads to it. */
export function reachable(
  tree: Tree,
  entries: readonly string[],
  follows: (edge: Edge) => boolean,
): ReadonlyMap<string, readonly string[]> {
  const paths = new Map(entries.map(entry => [entry, [entry] as readonly string[]]))
  for (const [file, path] of paths) {
    for (const edge of tree.edges.get(file) ?? []) {
      if (follows(edge) && !paths.has(edge.to)) paths.set(edge.to, [...path, edge.to])
    }
  }
  return paths
}

export const isTest = (path: string): boolean => path.endsWith('.test.ts')
