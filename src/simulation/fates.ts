/**
 * What became of the messages on the simulated network, counted by type of message and kind of
 * fault: a run that has not hurt a kind of message says nothing about it.
 *
 * Nodes speak TCP, so a message is never reordered within its connection, nor given twice. What can
 * happen to one is here: what TCP turns loss, reordering and repetition into.
 */
export const faultKinds = [
  /** A segment was lost and sent again, or the line was slow: it came late, and all behind it. */
  'delayed',
  /** It came after the line had been cut for a while. */
  'held by a cut',
  /** It never came: its connection ended, or its line stayed cut. */
  'lost',
  /** One that was sent later over another connection came before it. */
  'overtaken',
  /** It came, and its sender never heard that it did: it will say it again. */
  'unconfirmed',
  /** Its sender died while it was under way, or its receiver was dead when it came. */
  'sender died',
  'receiver died',
] as const
export type FaultKind = (typeof faultKinds)[number]

export class Fates {
  readonly #faults = new Map<string, Map<FaultKind, number>>()
  readonly #sent = new Map<string, number>()

  sent(type: string): void {
    this.#sent.set(type, (this.#sent.get(type) ?? 0) + 1)
  }

  suffered(type: string, kind: FaultKind): void {
    let faults = this.#faults.get(type)
    if (!faults) {
      faults = new Map()
      this.#faults.set(type, faults)
    }
    faults.set(kind, (faults.get(kind) ?? 0) + 1)
  }

  counts(): FateCounts {
    return Object.fromEntries(
      [...this.#sent].sort().map(([type, sent]) => {
        const faults = this.#faults.get(type)
        const counted = faultKinds.map(kind => [kind, faults?.get(kind) ?? 0])
        return [type, { sent, ...Object.fromEntries(counted) }]
      }),
    )
  }
}

/** By type of message: how many were sent, and how many suffered what. */
export type FateCounts = Readonly<
  Record<string, { readonly sent: number } & { readonly [K in FaultKind]: number }>
>

/** The counts of several runs together. */
export function addFates(all: readonly FateCounts[]): FateCounts {
  const sums: Record<string, Record<string, number>> = {}
  for (const counts of all) {
    for (const [type, numbers] of Object.entries(counts)) {
      sums[type] ??= {}
      const sum = sums[type]
      for (const [kind, n] of Object.entries(numbers)) sum[kind] = (sum[kind] ?? 0) + n
    }
  }
  return sums as FateCounts
}
