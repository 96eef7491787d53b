/**
 * The TLS files of a node: read and checked before it starts, read again every so often, and used
 * from then on when they were replaced by others that are sound. Files that are not (a new
 * certificate beside the old key, while they are being replaced) change nothing: the node goes on
 * with what it has and says so.
 *
 * They are read rather than watched: what replaces a file (a rename, a link to a mounted secret) is
 * told by watching in ways that differ from system to system.
 */
import { readFile } from 'node:fs/promises'
import type { TlsOptions } from 'node:tls'
import { timing } from '../model/limits.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import type { TlsMaterial, TlsSource } from '../runtime/tls-network.ts'
import { StartError } from './start-error.ts'
import { faultOf, leafOf, type Speaker } from './tls-material.ts'

export interface TlsPaths {
  readonly cert: string
  readonly key: string
  /** The authorities that certificates of others have to chain to; only for links to peers. */
  readonly ca?: string
}

export interface TlsFilesOptions {
  readonly paths: TlsPaths
  /** Only for links to peers. */
  readonly speaker?: Speaker
  readonly clock: Clock
  readonly log: Logger
}

const DAY_MS = 24 * 60 * 60 * 1_000
/** From here on the end of the certificate is warned of, daily. */
const WARNING_DAYS = 14
/** As long as a client may take for the head of its request. */
const CLIENT_HANDSHAKE_TIMEOUT_MS = 10_000

export class TlsFiles implements TlsSource {
  readonly #options: TlsFilesOptions
  readonly #tasks: (() => void)[] = []
  #material: TlsMaterial
  /** Why the files that are there now are not in use. */
  #keptFor: string | undefined
  #warnedMs = Number.NEGATIVE_INFINITY
  #cancelTimer: () => void = () => {}
  #closed = false

  private constructor(options: TlsFilesOptions, material: TlsMaterial) {
    this.#options = options
    this.#material = material
    this.#warnOfEnd()
    this.#lookLater()
  }

  /** Throws `StartError` when a file is missing, or the files can't be used together, or now. */
  static async open(options: TlsFilesOptions): Promise<TlsFiles> {
    const { paths, speaker, clock } = options
    const read = await readMaterial(paths)
    if (typeof read === 'string')
      throw new StartError(read, 'Check the names of the TLS files, and who may read them.')
    const fault = faultOf(read, speaker, clock.wallMs())
    if (fault === undefined) return new TlsFiles(options, read)
    throw new StartError(`${fault} (${Object.values(paths).join(', ')})`, 'Replace the TLS files.')
  }

  current(): TlsMaterial {
    return this.#material
  }

  onChange(task: () => void): void {
    this.#tasks.push(task)
  }

  close(): void {
    this.#closed = true
    this.#cancelTimer()
  }

  #lookLater(): void {
    if (this.#closed) return
    this.#cancelTimer = this.#options.clock.after(timing.tlsFilesIntervalMs, () => {
      void this.#look().then(() => this.#lookLater())
    })
  }

  async #look(): Promise<void> {
    this.#warnOfEnd()
    const read = await readMaterial(this.#options.paths)
    if (this.#closed) return
    if (typeof read === 'string') {
      this.#keep(read)
      return
    }
    const { cert, key, ca } = this.#material
    if (read.cert === cert && read.key === key && read.ca === ca) {
      this.#keptFor = undefined
      return
    }
    const { speaker, clock } = this.#options
    const fault = faultOf(read, speaker, clock.wallMs())
    if (fault === undefined) this.#use(read)
    else this.#keep(fault)
  }

  #use(material: TlsMaterial): void {
    this.#material = material
    this.#keptFor = undefined
    this.#warnedMs = Number.NEGATIVE_INFINITY
    for (const task of this.#tasks) task()
    const { log, paths } = this.#options
    log.info('replaced TLS files are in use', { cert: paths.cert, ends: leafOf(material).validTo })
  }

  /** Once for each reason in a row. */
  #keep(reason: string): void {
    if (reason === this.#keptFor) return
    this.#keptFor = reason
    const { log, paths } = this.#options
    log.warn('changed TLS files are not used', { cert: paths.cert, reason })
  }

  #warnOfEnd(): void {
    const { clock, log, paths } = this.#options
    const nowMs = clock.wallMs()
    const { validTo, validToDate } = leafOf(this.#material)
    const isSoon = validToDate.getTime() - nowMs < WARNING_DAYS * DAY_MS
    if (!isSoon || nowMs - this.#warnedMs < DAY_MS) return
    this.#warnedMs = nowMs
    log.warn('a TLS certificate ends soon, or has ended', { cert: paths.cert, ends: validTo })
  }
}

/** The material, or why there is none. */
async function readMaterial({ cert, key, ca }: TlsPaths): Promise<TlsMaterial | string> {
  try {
    return {
      cert: await readFile(cert, 'utf8'),
      key: await readFile(key, 'utf8'),
      ca: ca === undefined ? undefined : await readFile(ca, 'utf8'),
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && 'path' in error)) throw error
    return `${error.path} can not be read (${error.code})`
  }
}

/** What an HTTPS server for clients is made with, and its `setSecureContext` called with. */
export const httpsOptions = ({ cert, key }: TlsMaterial): TlsOptions => ({
  ...{ cert, key, minVersion: 'TLSv1.2' },
  ALPNProtocols: ['http/1.1'],
  handshakeTimeout: CLIENT_HANDSHAKE_TIMEOUT_MS,
})
