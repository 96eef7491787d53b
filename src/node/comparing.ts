/** Comparisons of a node's copies with those of others, and what it answers to theirs. */
import { type ClusterRecord, hostOf } from '../coordination/cluster-record.ts'
import { type ComparisonAnswersOptions, comparisonAnswers } from '../repair/comparison-answers.ts'
import { Comparisons, type ComparisonsOptions } from '../repair/comparisons.ts'
import type { PeerAnswer } from './serving.ts'

export type ComparingOptions = ComparisonAnswersOptions &
  Omit<ComparisonsOptions, 'hostOf'> & { readonly record: () => ClusterRecord }

export interface Comparing {
  /** Not started yet. */
  readonly comparisons: Comparisons
  /** By the name of the call. */
  readonly answers: Readonly<Record<string, PeerAnswer>>
}

export const compareCopies = (options: ComparingOptions): Comparing => ({
  comparisons: new Comparisons({ ...options, hostOf: feed => hostOf(options.record(), feed) }),
  answers: comparisonAnswers(options),
})
