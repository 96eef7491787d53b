/**
 * Assertions: one-line sentences that CI checks on every change of the policy.
 *
 *     DATASET [PREFIX] never|only [homed|stored|served] SELECTOR…
 *
 * `DATASET` may be `*`. Without a prefix all partitions are meant. Without a verb both storing and
 * serving are: "never country:US" would mean little if it let a region there answer. Several
 * selectors mean any of them. Examples: `tenants eu/ never country:US`, `profiles only stored eea`,
 * `* never homed cn ru`.
 */
import type { PlacementData } from '../model/placement.ts'
import type { CompileContext } from './context.ts'
import type { SourcePath } from './diagnostic.ts'
import type { Right } from './right.ts'
import { compileSelector, label, type Selector, type SelectorProblem } from './selector.ts'
import { didYouMean } from './suggest.ts'

interface Word {
  readonly text: string
  readonly offset: number
}

interface Assertion {
  readonly targets: readonly PlacementData[]
  readonly mode: 'never' | 'only'
  readonly rights: readonly Right[]
  readonly selector: Selector
}

const rightOf: ReadonlyMap<string, Right> = new Map([
  ['homed', 'home'],
  ['stored', 'store'],
  ['served', 'serve'],
])

const participle: Readonly<Record<Right, string>> = {
  home: 'homed',
  store: 'stored',
  serve: 'served',
}

const grammar = 'write DATASET [PREFIX] never|only [homed|stored|served] SELECTOR…'

/** Checks one assertion against the placements of the policy. */
export function checkAssertion(
  text: string,
  path: SourcePath,
  placements: readonly PlacementData[],
  context: CompileContext,
): void {
  const assertion = parseAssertion(text, path, placements, context)
  if (!assertion) return
  for (const placement of assertion.targets) {
    const broken = violations(placement, assertion, context)
    if (broken.length === 0) continue
    const message = `"${text}" does not hold: ${placement.id} is ${broken.join(', ')}`
    context.error('assertion_violated', path, message, 'change the policy or the assertion')
  }
}

function violations(
  placement: PlacementData,
  { mode, rights, selector }: Assertion,
  context: CompileContext,
): string[] {
  return context.vocabulary.regions.flatMap(region => {
    const reason = selector.whyNot(region)
    const held = rights.filter(right => placement[right].includes(region.id))
    const offends = mode === 'never' ? reason === undefined : reason !== undefined
    if (!offends || held.length === 0) return []
    return `${held.map(right => participle[right]).join(' and ')} in ${label(region)}`
  })
}

function parseAssertion(
  text: string,
  path: SourcePath,
  placements: readonly PlacementData[],
  context: CompileContext,
): Assertion | undefined {
  const words = [...text.matchAll(/\S+/g)].map(match => ({ text: match[0], offset: match.index }))
  const fail = (word: Word | undefined, message: string, suggestion?: string): undefined => {
    if (word) context.errorWithin('bad_assertion', path, word, message, suggestion)
    else context.error('bad_assertion', path, message, suggestion)
  }
  const dataset = words.shift()
  if (!dataset) return fail(undefined, 'the assertion is empty', grammar)
  const prefix = words[0]?.text.endsWith('/') ? words.shift() : undefined
  const mode = words.shift()
  if (mode?.text !== 'never' && mode?.text !== 'only') {
    const message = mode ? `"${mode.text}" is neither never nor only` : 'never or only is missing'
    return fail(mode, message, grammar)
  }
  const right = rightOf.get(words[0]?.text ?? '')
  if (right) words.shift()
  const targets = findTargets(dataset, prefix, placements, fail)
  const selector = parseSelectors(words, context, fail)
  if (!targets || !selector) return undefined
  return { targets, mode: mode.text, rights: right ? [right] : ['store', 'serve'], selector }
}

type Fail = (word: Word | undefined, message: string, suggestion?: string) => undefined

function findTargets(
  dataset: Word,
  prefix: Word | undefined,
  placements: readonly PlacementData[],
  fail: Fail,
): readonly PlacementData[] | undefined {
  if (dataset.text === '*' && !prefix) return placements
  const ofDataset = placements.filter(({ name }) => name === dataset.text)
  if (ofDataset.length === 0) {
    const names = placements.map(({ name }) => name)
    return fail(dataset, `there is no dataset "${dataset.text}"`, didYouMean(dataset.text, names))
  }
  if (!prefix) return ofDataset
  const found = ofDataset.filter(placement => placement.prefix === prefix.text)
  if (found.length > 0) return found
  const prefixes = ofDataset.map(placement => placement.prefix).filter(text => text !== '')
  const message = `${dataset.text} has no partition "${prefix.text}"`
  return fail(prefix, message, didYouMean(prefix.text, prefixes))
}

function parseSelectors(
  words: readonly Word[],
  context: CompileContext,
  fail: Fail,
): Selector | undefined {
  if (words.length === 0) return fail(undefined, 'the assertion names no selector', grammar)
  const problems: SelectorProblem[] = []
  const texts = words.map(({ text }) => text)
  const selector = compileSelector(texts, [], context.vocabulary, problems)
  for (const { path, message, suggestion } of problems) {
    fail(words[Number(path[0])], message, suggestion)
  }
  return problems.length === 0 ? selector : undefined
}
