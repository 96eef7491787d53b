/**
 * Defects that somebody could make in good faith, each as a change of the text of src/, and the
 * promise that it breaks: the simulator has to notice within 200 seeds.
 */
import type { Invariant } from '../../src/simulation/checkers/finding.ts'
import type { Patch } from '../worlds/broken-build.ts'

export interface Defect {
  readonly name: string
  /** Has shown it lately: it is tried first. */
  readonly seed: number
  /** Of its world's time, until it shows. Default: half a one. */
  readonly minutes?: number
  /** Any of these. */
  readonly breaks: readonly Invariant[]
  readonly patches: readonly Patch[]
}

export const defects: readonly Defect[] = [
  {
    name: 'a write is answered before it is durable',
    seed: 15,
    breaks: ['D', 'H and L', 'S', 'X'],
    patches: [
      {
        file: 'src/storage/shard.ts',
        from: '    if (changes.length > 0) {\n      const commit = engine.commit(changes)',
        to: [
          '    for (const [onReplies, replies] of answers) onReplies(replies)',
          '    answers.clear()',
          '    if (changes.length > 0) {\n      const commit = engine.commit(changes)',
        ].join('\n'),
      },
    ],
  },
  {
    name: 'a region counts as having a write as soon as it is sent',
    seed: 1,
    breaks: ['D'],
    patches: [
      {
        file: 'src/replication/feed-sender.ts',
        from: "        effects.push(send({ type: 'chunk', dataset, ...body }))\n",
        to: [
          "        effects.push(send({ type: 'chunk', dataset, ...body }))",
          '        effects.push(completedTo(dataset, chunk.slot, chunk.to))\n',
        ].join('\n'),
      },
    ],
  },
  {
    name: "the receiver does not check who may ask for a dataset's bytes",
    seed: 16,
    breaks: ['R'],
    patches: [
      {
        file: 'src/routing/receive.ts',
        from: '  if (placement.mayStore(self) && mayAsk && isInPlace(placement)) return placement',
        to: '  if (placement.mayStore(self)) return placement',
      },
    ],
  },
  {
    name: 'a session forgets what it found absent',
    seed: 76,
    minutes: 1.5,
    breaks: ['S'],
    patches: [
      {
        file: 'src/execution/operations/read.ts',
        from: "if (record.tombstone) return { kind: 'absent', home, point, ...age }",
        to: "if (record.tombstone) return { kind: 'absent', home, point: undefined, ...age }",
      },
    ],
  },
  {
    name: 'a chunk that is full moves the cursor to the end, past what was not read',
    seed: 3,
    breaks: ['S', 'convergence', 'D', 'no bugs'],
    patches: [
      {
        file: 'src/replication/read-feeds.ts',
        from: '      complete = false\n      break',
        to: '      break',
      },
    ],
  },
  {
    name: 'an older version takes the place of a newer one',
    seed: 91,
    breaks: ['T', 'convergence', 'S'],
    patches: [
      {
        file: 'src/replication/apply.ts',
        from: 'else if (held && compareVersions(incoming.version, held.version) <= 0) {',
        to: 'else if (held && compareVersions(incoming.version, held.version) === 0) {',
      },
    ],
  },
  {
    name: 'the next home accepts writes before the compare-and-set',
    seed: 3,
    breaks: ['H and L', 'T', 'no bugs'],
    patches: [
      {
        file: 'src/execution/home.ts',
        from: "    return isParty ? { kind: 'between' }",
        to: [
          '    if (regions.idOf(marker.stopped.to) === self) return at(self, { ...home, region: self })',
          "    return isParty ? { kind: 'between' }",
        ].join('\n'),
      },
    ],
  },
  {
    name: 'a home that has stopped goes on once it was started again',
    seed: 55,
    breaks: ['H and L', 'T'],
    patches: [
      {
        file: 'src/execution/home.ts',
        from: '  if (marker?.stopped) {\n    const isParty',
        to: '  if (marker?.stopped && home.region !== self) {\n    const isParty',
      },
    ],
  },
  {
    name: 'a term is given twice',
    seed: 3,
    breaks: ['H and L', 'T', 'convergence', 'no bugs'],
    patches: [
      {
        file: 'src/routing/registrar.ts',
        from: 'counter?.epoch === epoch ? counter.n + 1 : 1',
        to: 'counter?.epoch === epoch ? counter.n : 1',
      },
    ],
  },
  {
    name: 'a repeat is not recognised',
    seed: 1,
    breaks: ['X', 'H and L'],
    patches: [
      {
        file: 'src/execution/idempotency.ts',
        from: '  const record = store.idempotencyRecord(scope)\n  if (record) {',
        to: '  const record = store.idempotencyRecord(scope)\n  if (record && store.context === undefined) {',
      },
    ],
  },
  {
    name: 'a call that was sent is said to have had no effect',
    seed: 2,
    breaks: ['truthful errors', 'H and L', 'X'],
    patches: [
      {
        file: 'src/peers/calls.ts',
        from: 'new PeerFailure(!unsent, reason)',
        to: 'new PeerFailure(false, reason)',
      },
    ],
  },
  {
    name: 'a relay that may not store what it passes on is as good as any',
    seed: 1,
    breaks: ['R'],
    patches: [
      {
        file: 'src/routing/decide.ts',
        from: '      placement.mayStore(relay) &&\n      reachable(relay) &&',
        to: '      reachable(relay) &&',
      },
      {
        file: 'src/routing/forward.ts',
        from: "    assert(relay === undefined || placement.mayStore(relay), 'relays may store what they see')\n",
        to: '',
      },
    ],
  },
  {
    name: 'what was sent to a relay is said to have had no effect',
    seed: 31,
    breaks: ['truthful errors', 'H and L', 'X'],
    patches: [
      {
        file: 'src/routing/relays.ts',
        from: 'throw new PeerFailure(passed.sent, passed.reason)',
        to: 'throw new PeerFailure(false, passed.reason)',
      },
    ],
  },
  {
    name: 'a bounded read does not look at ages',
    seed: 1,
    breaks: ['bounded staleness'],
    patches: [
      {
        file: 'src/routing/receipt.ts',
        from: 'stalenessMs !== undefined && stalenessMs <= boundMs',
        to: 'stalenessMs !== null && boundMs !== null',
      },
    ],
  },
  {
    name: 'a copy is mended with what another has, newer or not',
    seed: 3,
    breaks: ['T', 'convergence', 'S'],
    patches: [
      {
        file: 'src/repair/compare-copies.ts',
        from: 'if (order < 0 && there &&',
        to: 'if (order !== 0 && there &&',
      },
      {
        file: 'src/repair/judge-record.ts',
        from: "  if (held && compareVersions(held.version, record.version) >= 0) return { kind: 'leave' }",
        to: "  if (held && compareVersions(held.version, record.version) === 0) return { kind: 'leave' }",
      },
      {
        file: 'src/repair/judge-record.ts',
        from: "  if (!isVouchedFor) return { kind: 'unproven' }\n",
        to: "  if (!isVouchedFor && holders.length === 0) return { kind: 'unproven' }\n",
      },
      {
        file: 'src/repair/settle-record.ts',
        from: "if (kind === 'lacks' && order <= 0)",
        to: "if (kind === 'lacks' && order === 0)",
      },
      {
        // Slots that are being written are walked at once: it would take longer to meet one.
        file: 'src/repair/comparison-bounds.ts',
        from: 'apartMax: 4,',
        to: 'apartMax: 0,',
      },
      {
        file: 'src/repair/comparison-bounds.ts',
        from: 'restMinMs: 10_000,',
        to: 'restMinMs: 200,',
      },
    ],
  },
  {
    name: 'copies are never compared',
    seed: 41,
    breaks: ['convergence', 'D'],
    patches: [
      {
        file: 'src/repair/comparisons.ts',
        from: '    await this.#unlessFailed(() => this.#compare(pair.placement, pair.peer))\n',
        to: '',
      },
    ],
  },
  {
    name: 'a region confirms an erasure before it has purged what it holds',
    seed: 4,
    breaks: ['E'],
    patches: [
      {
        file: 'src/storage/purge.ts',
        from: '    purge(store, hash, erasure, to)\n',
        to: [
          '    if (erasure.feed === store.context.ownFeed) purge(store, hash, erasure, to)',
          '    else {',
          '      const nothing = { keys: 0, rows: 0, compactedAtMs: 0 }',
          '      store.putRow(rowKeys.purge(hash), encodePurge(nothing))',
          '    }\n',
        ].join('\n'),
      },
    ],
  },
  {
    name: 'a home goes on under the term of an erasure',
    seed: 12,
    breaks: ['E', 'H and L', 'S', 'T', 'D', 'convergence', 'no bugs'],
    patches: [
      {
        file: 'src/execution/home.ts',
        from: "  if (standing.kind !== 'home' || !standing.isErased) return standing\n",
        to: '  if (standing) return standing\n',
      },
    ],
  },
  {
    name: 'copies are erased before those that stay are verified',
    seed: 40,
    minutes: 1.5,
    breaks: ['D', 'convergence', 'no bugs'],
    patches: [
      {
        file: 'src/movement/policy-work.ts',
        from: '        await this.#verify()\n',
        to: '',
      },
    ],
  },
  {
    name: 'copies are erased before those that stay have all of them',
    seed: 63,
    minutes: 1,
    breaks: ['D', 'H and L', 'S', 'X', 'convergence'],
    patches: [
      {
        file: 'src/movement/policy-work.ts',
        from: '        await this.#catchUp()\n        await this.#verify()\n        await this.#adoptFeeds()\n',
        to: '',
      },
      {
        file: 'src/movement/policy-work.ts',
        from: '        await this.#catchUp()\n        return await this.#transfer()\n',
        to: '        return await this.#transfer()\n',
      },
    ],
  },
  {
    name: 'a registrar grants what the one before it has granted',
    seed: 6,
    minutes: 1.5,
    breaks: ['H and L', 'S', 'T', 'D'],
    patches: [
      {
        file: 'src/routing/claims.ts',
        from: "    if (request.kind !== 'inherit') await this.#inherit(placement, request)\n",
        to: '',
      },
      {
        file: 'src/movement/policy-work.ts',
        from: '        await this.#inheritHomes()\n',
        to: '',
      },
    ],
  },
  {
    name: 'groups go on beginning where only the policy before computes their home',
    seed: 7,
    breaks: ['H and L', 'S', 'T', 'D'],
    patches: [
      {
        file: 'src/model/placement.ts',
        from: '    if (!this.#former) return true\n',
        to: '    if (true) return true\n',
      },
    ],
  },
  {
    name: 'a region that comes back begins its feeds anew',
    seed: 63,
    breaks: ['D', 'S', 'H and L', 'convergence', 'no bugs'],
    patches: [
      {
        file: 'src/node/policy-acting.ts',
        from: '      if (seen === 0 || open.has(slot)) continue\n',
        to: '      if (seen >= 0 || open.has(slot)) continue\n',
      },
    ],
  },
  {
    name: 'what only a leaving feed leads to stays there',
    seed: 72,
    breaks: ['D', 'H and L', 'S', 'convergence', 'no bugs'],
    patches: [
      {
        file: 'src/movement/policy-work.ts',
        from: '        await this.#adoptFeeds()\n',
        to: '',
      },
    ],
  },
  {
    name: 'a group that goes elsewhere is erased in whatever state it is',
    seed: 7,
    breaks: ['M'],
    patches: [
      {
        file: 'src/execution/operations/erase.ts',
        from: "    if (state.tag !== request.ifTag) return { kind: 'changed' }\n",
        to: "    if (state.tag === '') return { kind: 'changed' }\n",
      },
    ],
  },
  {
    name: 'a group that has gone elsewhere begins anew for whoever writes it',
    seed: 43,
    breaks: ['M'],
    patches: [
      {
        file: 'src/execution/home.ts',
        from: '  const to = standing.isErased && movedTo(store, hashOfGroup(group))\n',
        to: "  const to = standing.isErased && movedTo(store, hashOfGroup(group)) === ''\n",
      },
    ],
  },
]
