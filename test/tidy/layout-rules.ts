/** Rules about where things are and who imports whom. */
import {
  bannedFolderNames,
  entries,
  layers as layerTable,
  packageHomes,
  portable,
} from './tables.ts'
import { type Edge, type Finding, folderOf, reachable, type Tree } from './tree.ts'

export const layoutRules: readonly ((tree: Tree) => readonly Finding[])[] = [
  layers,
  missingFiles,
  portableCode,
  packagesAtHome,
  cycles,
  deadFiles,
  names,
]

const allEdges = (tree: Tree): readonly Edge[] => [...tree.edges.values()].flat()
const isImport = ({ kind }: Edge): boolean => kind !== 'address'

function layers(tree: Tree): readonly Finding[] {
  const unknown = [...tree.sources.keys()]
    .filter(path => path.startsWith('src/'))
    .filter(path => !Object.hasOwn(layerTable, folderOf(path) ?? ''))
    .map(file => ({ rule: 'layers', file, message: 'its folder is not in the table of layers' }))
  const crossing = allEdges(tree).flatMap(edge => {
    const { from, to, line, kind } = edge
    const [above, below] = [folderOf(from), folderOf(to)]
    if (!isImport(edge) || above === undefined || above === below) return []
    const { uses = [], knows = [] } = layerTable[above] ?? {}
    if (below === undefined) {
      const message = `imports ${to}: src/ stands alone`
      return to.startsWith('src/') ? [] : [{ rule: 'layers', file: from, line, message }]
    }
    if (uses.includes(below) || (kind === 'types' && knows.includes(below))) return []
    const limit = knows.includes(below) ? 'only know the types of' : 'not use'
    const message = `imports ${to}: ${above}/ may ${limit} ${below}/`
    return [{ rule: 'layers', file: from, line, message }]
  })
  return [...unknown, ...crossing]
}

function missingFiles(tree: Tree): readonly Finding[] {
  return allEdges(tree)
    .filter(({ to }) => /\.(ts|js)$/.test(to) && /^(src|test|bench|scripts|bin)\//.test(to))
    .filter(({ to }) => !tree.sources.has(to))
    .map(({ from, to, line }) => ({
      rule: 'missing-files',
      file: from,
      line,
      message: `refers to ${to}, which is not there`,
    }))
}

function portableCode(tree: Tree): readonly Finding[] {
  const starts = [...tree.sources.keys()].filter(path =>
    portable.folders.includes(folderOf(path) ?? ''),
  )
  return [...reachable(tree, starts, ({ kind }) => kind === 'code')].flatMap(([file, path]) =>
    (tree.sources.get(file)?.imports ?? [])
      .filter(it => it.kind === 'code' && portable.without.some(word => word.test(it.specifier)))
      .map(({ specifier, line }) => ({
        rule: 'portable',
        file,
        line,
        message: `imports ${specifier}, and must run without Node: ${path.join(' → ')}`,
      })),
  )
}

function packagesAtHome(tree: Tree): readonly Finding[] {
  return [...tree.sources.values()]
    .filter(({ path }) => path.startsWith('src/'))
    .flatMap(({ path, imports }) =>
      imports.flatMap(({ specifier, line }) =>
        packageHomes
          .filter(it => it.package.test(specifier) && !it.allowed.test(path))
          .map(({ instead }) => ({
            rule: 'packages',
            file: path,
            line,
            message: `imports ${specifier}; use ${instead}`,
          })),
      ),
    )
}

/** Types count too: files that need each other are one file, or lack one. */
function cycles(tree: Tree): readonly Finding[] {
  const found = new Map<string, Finding>()
  for (const start of tree.sources.keys()) {
    const next = (tree.edges.get(start) ?? []).filter(isImport).map(({ to }) => to)
    const back = [...reachable(tree, next, isImport)].find(([file]) => file === start)
    if (back === undefined) continue
    const [, path] = back
    const members = [...path].sort().join(' ')
    if (found.has(members)) continue
    const message = `imports itself: ${[start, ...path].join(' → ')}`
    found.set(members, { rule: 'cycles', file: [...path].sort()[0] ?? start, message })
  }
  return [...found.values()]
}

/** Tests keep nothing of src/ alive; a helper of tests lives where a test imports or names it. */
function deadFiles(tree: Tree): readonly Finding[] {
  const matching = (signs: readonly RegExp[]) =>
    [...tree.sources.keys()].filter(path => signs.some(sign => sign.test(path)))
  const program = reachable(tree, matching(entries.program), () => true)
  const tested = reachable(tree, matching(entries.tests), () => true)
  const named = [...tested.keys()].flatMap(
    path => tree.sources.get(path)?.literals.map(({ text }) => text.split('/').at(-1)) ?? [],
  )
  const children = [...tree.sources.keys()].filter(
    path => !path.startsWith('src/') && named.includes(path.split('/').at(-1)),
  )
  const helpers = reachable(tree, children, () => true)
  return [...tree.sources.keys()]
    .filter(path => !program.has(path))
    .filter(path => path.startsWith('src/') || !(tested.has(path) || helpers.has(path)))
    .map(file => ({
      rule: 'dead-files',
      file,
      message: 'no entry of the program reaches it, or no test where it is a helper of tests',
    }))
}

function names(tree: Tree): readonly Finding[] {
  return [...tree.sources.keys()].flatMap(file => {
    const segments = file.split('/')
    const findings: Finding[] = []
    const folder = segments.slice(0, -1).find(name => bannedFolderNames.includes(name))
    if (folder !== undefined) {
      findings.push({ rule: 'names', file, message: `a folder "${folder}" says nothing` })
    }
    if (!segments.every(name => /^[a-z0-9]+(-[a-z0-9]+)*(\.test)?(\.d)?(\.ts|\.js)?$/.test(name))) {
      findings.push({ rule: 'names', file, message: 'files and folders are in kebab-case' })
    }
    return findings
  })
}
