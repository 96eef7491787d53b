/**
 * One pass over the group that moves: whatever its copy lacks is written, page by page, and what
 * has gone meanwhile is deleted. Each write is conditional on what the pass has seen in the other
 * partition, so it can't take the place of what somebody else has written there.
 */
import { CliError, exitCodes } from '../exit-codes.ts'
import { type Copy, differenceOf, isSame, lifeLeftMs, type Original } from './differences.ts'
import { GroupDigest, recordDigest } from './digests.ts'
import { type GroupDoor, Passing } from './group-door.ts'
import type { Journal } from './journal.ts'
import { keyWithRest, type Renaming, restOf } from './names.ts'
import { Writes } from './writes.ts'

export interface Ends {
  readonly renaming: Renaming
  readonly source: GroupDoor
  readonly target: GroupDoor
  readonly journal: Journal
  /** Wall clock. */
  readonly nowMs: () => number
}

/** All that a pass has seen of the group, by what its keys are called beside the prefix. */
export interface Pass {
  readonly originals: ReadonlyMap<string, Original>
  readonly copied: ReturnType<GroupDigest['end']>
  /** Keys that were written or deleted. */
  readonly changes: number
}

export class Copying {
  readonly #ends: Ends
  /** Versions in which this run was told that a copy is durable. */
  readonly #acknowledged = new Map<string, string>()
  readonly #writes: Writes
  /** What the other partition has, as far as is known. */
  #copies = new Map<string, Copy>()

  constructor(ends: Ends) {
    this.#ends = ends
    this.#writes = new Writes(ends, (rest, copy) => this.#wrote(rest, copy))
  }

  /**
   * Settles what was sent into the other partition and never answered: it could come later, undo
   * what is decided next, and bring back what was deleted. What this run has sent is sent again. Of
   * what another one has sent the name is used up: by a change of the group's own key.
   */
  async settle(): Promise<void> {
    await this.#writes.settle()
    const { journal, renaming } = this.#ends
    const rest = restOf(renaming.to, renaming.to.group)
    const { unanswered } = journal
    for (const name of unanswered) {
      await this.look()
      const copy = this.#copies.get(rest)
      if (copy && !journal.has(copy.digest)) throw foreign(renaming)
      await this.#writes.useUp(name, rest, copy)
    }
    if (unanswered.length > 0) await this.look()
  }

  /** Looks anew at what the other partition has. */
  async look(): Promise<ReturnType<GroupDigest['end']>> {
    const { renaming, target, journal } = this.#ends
    const digest = new GroupDigest()
    const copies = new Map<string, Copy>()
    for await (const page of target.pages()) {
      for (const record of page) {
        const content = { ...record, rest: restOf(renaming.to, record.key) }
        digest.add(content)
        copies.set(content.rest, {
          etag: `"${record.version}"`,
          digest: recordDigest(journal.head.salt, content),
          expiresAtMs: record.expiresAtMs,
        })
      }
    }
    this.#copies = copies
    return digest.end()
  }

  /**
   * Undefined: the group is not there any more, and its copy was left as it is. Throws `Passing`;
   * `CliError` for what somebody else has written, and what can't be kept.
   *
   * `isThere` is asked once all has been read, before anything is deleted: an erasure of which
   * nobody was told how it ended may end the group while it is read, and what it has taken away is
   * not gone from it.
   */
  async pass(isThere: () => Promise<boolean>): Promise<Pass | undefined> {
    const { renaming, source, journal } = this.#ends
    const digest = new GroupDigest()
    const originals = new Map<string, Original>()
    const { changes: before } = this.#writes
    for await (const page of source.pages()) {
      for (const record of page) {
        const content = { ...record, rest: restOf(renaming.from, record.key) }
        const original = {
          digest: recordDigest(journal.head.salt, content),
          expiresAtMs: record.expiresAtMs,
        }
        refuseNewLife(renaming, original)
        digest.add(content)
        originals.set(content.rest, original)
        await this.#bring(content.rest, original, content)
      }
    }
    const gone = [...this.#copies.keys()].filter(rest => !originals.has(rest))
    if (gone.length > 0 && !(await isThere())) return undefined
    for (const rest of gone) await this.#bring(rest, undefined, undefined)
    await this.#writes.flush()
    return { originals, copied: digest.end(), changes: this.#writes.changes - before }
  }

  async #bring(
    rest: string,
    original: Original | undefined,
    content: { readonly mediaType: string; readonly bytes: Uint8Array } | undefined,
  ): Promise<void> {
    const { renaming, journal, nowMs } = this.#ends
    const difference = differenceOf(original, this.#copies.get(rest), {
      isOurs: digest => journal.has(digest),
      acknowledged: this.#acknowledged.get(rest),
    })
    if (difference.kind === 'none') return
    if (difference.kind === 'foreign') throw foreign(renaming)
    const key = keyWithRest(renaming.to, rest)
    if (difference.kind === 'delete') {
      await this.#writes.add(rest, undefined, { kind: 'delete', key, over: difference.over })
    } else if (original && content) {
      const { mediaType, bytes } = content
      const { expiresAtMs } = original
      const ttlMs = expiresAtMs === undefined ? undefined : lifeLeftMs(expiresAtMs, nowMs())
      const put = { kind: 'put', key, over: difference.over, mediaType, bytes, ttlMs } as const
      await this.#writes.add(rest, original, put)
    }
  }

  #wrote(rest: string, copy: Copy | undefined): void {
    if (!copy) {
      this.#copies.delete(rest)
      this.#acknowledged.delete(rest)
      return
    }
    this.#copies.set(rest, copy)
    this.#acknowledged.set(rest, copy.etag)
  }

  /** Reads the copy back, and holds it against what the pass has seen. Throws as `pass`. */
  async verify({ originals, copied }: Pass): Promise<void> {
    const { renaming, journal } = this.#ends
    const found = await this.look()
    for (const [rest, copy] of this.#copies) {
      if (!journal.has(copy.digest)) throw foreign(renaming)
      const original = originals.get(rest)
      const isSound =
        original && isSame(original, copy) && this.#acknowledged.get(rest) === copy.etag
      if (!isSound) throw new Passing(different)
    }
    if (found.digest !== copied.digest) throw new Passing(different)
  }
}

/** A value without end would begin to expire. */
function refuseNewLife({ to }: Renaming, { expiresAtMs }: Original): void {
  const { ttlMs, prefix } = to.placement
  if (expiresAtMs !== undefined || ttlMs === undefined) return
  throw new CliError(
    exitCodes.failed,
    `values of ${prefix} have a life by its policy, and some of this group stay for good`,
    'Nothing was erased. Leave ttl out of the policy of that partition, or give the values a life.',
  )
}

const foreign = ({ from, to }: Renaming): CliError =>
  new CliError(
    exitCodes.failed,
    `somebody else writes ${to.group}: it has keys that this move did not put there`,
    `Nothing was erased, and ${from.group} is whole. Stop what writes ${to.group}, erase it with denizen erase, remove the file of --state, and move again.`,
  )

const different = new CliError(
  exitCodes.failed,
  'the copy, read back, is not what was copied',
  'Nothing was erased. Say the same command again; if that does not help, compare the clocks of the regions: lives of values are added to them.',
)
