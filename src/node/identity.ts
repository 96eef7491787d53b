/**
 * `node.json`: who the node of a data directory is, in which format the directory is written, and
 * whether it comes from a backup.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { type Build, FIRST_DATA_FORMAT, formatsText, knowsFormat } from '../coordination/build.ts'
import { fromUtf8, utf8 } from '../model/bytes.ts'
import type { RegionId } from '../model/slot.ts'
import type { Disk } from '../runtime/disk.ts'
import { type Random, randomId } from '../runtime/random.ts'
import { StartError } from './start-error.ts'

const identitySchema = z.strictObject({
  format: z.literal(1),
  nodeId: z.string().min(1),
  region: z.string().min(1),
  /** Of all else in the directory; never ahead of the format in force. */
  dataFormat: z.int().min(1).default(FIRST_DATA_FORMAT),
  /** The version of Denizen that ran on it last. */
  writtenBy: z.string().min(1).default('0.1.0'),
  /**
   * `unfinished`: a restore has begun and not ended. `recovering`: the node has not taken back yet
   * what others hold of its feeds, so that it must not act as a home (docs/PROTOCOL.md).
   */
  restored: z.enum(['unfinished', 'recovering']).exactOptional(),
})
export type IdentityData = z.infer<typeof identitySchema>

/** Read first: what else a newer format puts into the file is not known here. */
const formatSchema = z.object({
  dataFormat: z.int().min(1).default(FIRST_DATA_FORMAT),
  writtenBy: z.string().default('an unknown version'),
})

export interface IdentityOptions {
  readonly disk: Disk
  readonly directory: string
  readonly region: RegionId
  readonly build: Build
}

const pathOf = (directory: string): string => join(directory, 'node.json')

/** Throws `StartError` for a damaged file, and for a directory in a format unknown to the build. */
export async function readIdentity(
  disk: Disk,
  directory: string,
  build: Build,
): Promise<IdentityData | undefined> {
  const path = pathOf(directory)
  const bytes = await disk.read(path)
  if (!bytes) return undefined
  const json = jsonOf(bytes)
  const format = formatSchema.safeParse(json).data
  if (format && !knowsFormat(build, format.dataFormat)) {
    const { dataFormat, writtenBy } = format
    throw new StartError(
      `the data directory ${directory} has data format ${dataFormat}, and denizen ${build.version} knows ${formatsText(build)}`,
      `Use denizen ${writtenBy}, which wrote it, or a version that knows its format.`,
    )
  }
  const identity = identitySchema.safeParse(json).data
  if (identity) return identity
  throw new StartError(`${path} is damaged`, 'Restore the data directory from a backup.')
}

export const writeIdentity = (disk: Disk, directory: string, data: IdentityData): Promise<void> =>
  disk.replace(pathOf(directory), utf8(JSON.stringify(data)))

export class Identity {
  readonly #options: IdentityOptions
  #data: IdentityData
  #changing: Promise<void> = Promise.resolve()

  private constructor(options: IdentityOptions, data: IdentityData) {
    this.#options = options
    this.#data = data
  }

  /** Reads the node's identity, or makes it at its first start. Throws `StartError`. */
  static async open(options: IdentityOptions, random: Random): Promise<Identity> {
    const { disk, directory, region, build } = options
    const data = await readIdentity(disk, directory, build)
    if (!data) {
      // Nothing is in the directory yet, so the format that is in force can still be any.
      const begin = { format: 1, dataFormat: build.oldest, writtenBy: build.version } as const
      const made: IdentityData = { ...begin, nodeId: randomId(random), region }
      await writeIdentity(disk, directory, made)
      return new Identity(options, made)
    }
    if (data.restored === 'unfinished') {
      throw new StartError(
        `the data directory ${directory} holds half a backup: its restore did not end`,
        'Remove the directory, and run denizen restore again.',
      )
    }
    if (data.region !== region) {
      throw new StartError(
        `the data directory ${directory} belongs to region ${data.region}`,
        `Start it with --region ${data.region}, or give ${region} its own --data directory.`,
      )
    }
    const identity = new Identity(options, data)
    const { version: writtenBy } = build
    await identity.#change(was => (was.writtenBy === writtenBy ? was : { ...was, writtenBy }))
    return identity
  }

  get nodeId(): string {
    return this.#data.nodeId
  }

  /** The directory was restored, and has not recovered since. */
  get isRecovering(): boolean {
    return this.#data.restored === 'recovering'
  }

  /** The node has recovered: from now on it may act as a home at once after a start. */
  async recovered(): Promise<void> {
    await this.#change(({ restored: _, ...data }) => data)
  }

  /** Marks the directory before anything of a newer format is written into it. */
  async useFormat(dataFormat: number): Promise<void> {
    await this.#change(data => (dataFormat > data.dataFormat ? { ...data, dataFormat } : data))
  }

  /** One change after the other: who waits for his own waits for those before it. */
  #change(change: (data: IdentityData) => IdentityData): Promise<void> {
    this.#changing = this.#changing.then(async () => {
      const data = change(this.#data)
      if (data === this.#data) return
      await writeIdentity(this.#options.disk, this.#options.directory, data)
      this.#data = data
    })
    return this.#changing
  }
}

/** `undefined` where the bytes are no JSON. */
function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(bytes))
  } catch {
    return undefined
  }
}
