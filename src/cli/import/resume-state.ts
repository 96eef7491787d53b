/**
 * How far an import has come, kept durably beside what it reads: a second run goes on from there.
 * Items in front of `done` are acknowledged; of those behind it some may be too, and are put again.
 */

import { rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { utf8 } from '../../model/bytes.ts'
import { nodeDisk } from '../../runtime/node-disk.ts'

const stateSchema = z.object({
  /** What is imported where: another source or dataset begins anew. */
  source: z.string(),
  done: z.int().min(0),
})

/** A write to disk costs a few ms; repeating the puts of a second is cheap. */
const saveEveryMs = 1_000

export const defaultStatePath = (file: string): string =>
  join(dirname(file), `.denizen-import-${basename(file)}.json`)

export class ResumeState {
  readonly path: string
  readonly #source: string
  readonly #acknowledged = new Set<number>()
  #done: number
  #savedAtMs = performance.now()
  #saving: Promise<void> = Promise.resolve()

  private constructor(path: string, source: string, done: number) {
    this.path = path
    this.#source = source
    this.#done = done
  }

  /** Goes on from the file at `path` if it is of the same source. */
  static async open(path: string, source: string): Promise<ResumeState> {
    const bytes = await nodeDisk.read(path)
    const parsed = stateSchema.safeParse(bytes && jsonOf(bytes))
    const done = parsed.success && parsed.data.source === source ? parsed.data.done : 0
    return new ResumeState(path, source, done)
  }

  /** Items from the beginning that need not be sent. */
  get done(): number {
    return this.#done
  }

  acknowledge(index: number): void {
    this.#acknowledged.add(index)
    while (this.#acknowledged.delete(this.#done)) this.#done += 1
    if (performance.now() - this.#savedAtMs > saveEveryMs) void this.save()
  }

  /** One write at a time: the last one has the last word. */
  async save(): Promise<void> {
    this.#savedAtMs = performance.now()
    this.#saving = this.#saving.then(() =>
      nodeDisk.replace(
        this.path,
        utf8(`${JSON.stringify({ source: this.#source, done: this.#done })}\n`),
      ),
    )
    await this.#saving
  }

  /** All is in: the next run begins anew. */
  async remove(): Promise<void> {
    await this.#saving
    rmSync(this.path, { force: true })
  }
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
}
