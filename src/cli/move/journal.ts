/**
 * How far a move has come, durably: so that the same command, said again after whatever happened to
 * the first one, goes on. Each line is on disk before what it announces is sent. What stands there
 * of records is salted digests: what lies in the other partition with one of them was put there by
 * this move, and may be written over; whatever else lies there may not. And the names of writes:
 * one that was never answered may come at any later time, and has to be kept from it.
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rm, truncate } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import type { CopiedGroup } from '../../api/administration.ts'
import { copiedSchema } from '../../api/routes/moves.ts'
import { nodeDisk, syncDirectory } from '../../runtime/node-disk.ts'
import { usageError } from '../exit-codes.ts'

const headSchema = z.strictObject({
  format: z.literal(1),
  /** Names the move, without telling of what it is one. */
  move: z.string(),
  salt: z.string(),
  /** Under which the group had been erased before the move; null: never. */
  erasedTerm: z.int().nullable(),
})
type Head = z.infer<typeof headSchema>

const lineSchema = z.union([
  z.strictObject({ copies: z.array(z.string()), write: z.string() }),
  z.strictObject({ answered: z.string() }),
  z.strictObject({ ends: copiedSchema }),
])
type Line = z.infer<typeof lineSchema>

export class Journal {
  readonly head: Head
  readonly path: string
  /** What was verified before the source was last asked to erase the group. */
  copied: CopiedGroup | undefined
  readonly #copies: Set<string>
  readonly #unanswered: Set<string>
  readonly #file: FileHandle

  private constructor(path: string, file: FileHandle, head: Head, lines: readonly Line[]) {
    this.path = path
    this.head = head
    this.#file = file
    this.#copies = new Set(lines.flatMap(line => ('copies' in line ? line.copies : [])))
    this.#unanswered = new Set(lines.flatMap(line => ('write' in line ? line.write : [])))
    for (const line of lines) if ('answered' in line) this.#unanswered.delete(line.answered)
    this.copied = lines.flatMap(line => ('ends' in line ? line.ends : [])).at(-1)
  }

  /** Goes on with the file at `path`; undefined where there is none. Throws `CliError`. */
  static async reopen(path: string, move: string): Promise<Journal | undefined> {
    const bytes = await nodeDisk.read(path)
    // A line that was cut off had announced nothing yet.
    const whole = bytes?.subarray(0, bytes.lastIndexOf(10) + 1)
    if (!whole || whole.length === 0) return undefined
    const [head, ...lines] = parsed(path, new TextDecoder().decode(whole))
    if (head.move !== move) {
      throw usageError(
        `${path} is of another move`,
        'Name another file with --state, or say the command that began with this one.',
      )
    }
    await truncate(path, whole.length)
    return new Journal(path, await open(path, 'a'), head, lines)
  }

  static async begin(path: string, move: string, erasedTerm: number | null): Promise<Journal> {
    const head: Head = { format: 1, move, salt: randomBytes(16).toString('hex'), erasedTerm }
    const file = await open(path, 'w', 0o600)
    const journal = new Journal(path, file, head, [])
    await journal.#append(head)
    await syncDirectory(dirname(path))
    return journal
  }

  has(digest: string): boolean {
    return this.#copies.has(digest)
  }

  /** Writes in the other partition of which it is not known whether they are over. */
  get unanswered(): readonly string[] {
    return [...this.#unanswered]
  }

  /** A write of that name is about to put records with these digests into the other partition. */
  async writes(name: string, digests: readonly string[]): Promise<void> {
    await this.#append({ copies: [...digests], write: name })
    for (const digest of digests) this.#copies.add(digest)
    this.#unanswered.add(name)
  }

  /** It is over. Where that is forgotten it is asked once more. */
  async answered(name: string): Promise<void> {
    if (!this.#unanswered.delete(name)) return
    await this.#file.appendFile(lineOf({ answered: name }))
  }

  /** The group is about to end where it was. */
  async ends(copied: CopiedGroup): Promise<void> {
    await this.#append({ ends: copied })
    this.copied = copied
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  /** Nothing is left to be done. */
  async remove(): Promise<void> {
    await this.close()
    await rm(this.path, { force: true })
  }

  async #append(line: Head | Line): Promise<void> {
    await this.#file.appendFile(lineOf(line))
    await this.#file.sync()
  }
}

const lineOf = (line: Head | Line): string => `${JSON.stringify(line)}\n`

function parsed(path: string, text: string): [Head, ...Line[]] {
  try {
    const [head, ...lines] = text
      .trimEnd()
      .split('\n')
      .map(it => JSON.parse(it))
    return [headSchema.parse(head), ...lines.map(line => lineSchema.parse(line))]
  } catch {
    throw usageError(`${path} is no state of a move`, 'Name another file with --state.')
  }
}
