/**
 * The rules of access that are in force on a node: read at the start, and again whenever the access
 * file changes. The content is compared, not the file's times, which do not tell two changes within
 * one tick apart. A file that can't be used is refused as a whole, and said so once; the rules
 * before it stay in force.
 */
import { type AccessState, stateOf } from '../access/access-control.ts'
import type { AccessFile } from '../access/access-file.ts'
import type { AdministrativeAct } from '../model/administrative-act.ts'
import { timing } from '../model/limits.ts'
import type { Audit } from '../runtime/audit-log.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Disk } from '../runtime/disk.ts'
import { describeError, type Logger } from '../runtime/log.ts'
import { AccessSource } from './access-source.ts'
import { StartError } from './start-error.ts'

export interface AccessRulesOptions {
  readonly path: string
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Logger
  readonly audit: Audit
  /** Other rules are in force from now on: every thread has to have them. */
  readonly onChange: (state: AccessState) => void
}

export class AccessRules {
  readonly #options: AccessRulesOptions
  readonly #source: AccessSource
  #state: AccessState
  #seen: string
  #cancel: () => void = () => {}
  #isClosed = false

  /** Throws `StartError`. */
  static async open(options: AccessRulesOptions): Promise<AccessRules> {
    const source = new AccessSource(options.path, options.disk)
    const reading = await source.read()
    if (reading.kind === 'unusable') {
      throw new StartError(
        `the access file can not be used; nothing was started\n${reading.reason}`,
        `Correct it. A first one: denizen token create --access ${options.path} --help`,
      )
    }
    const state = stateOf(reading.file, reading.keys)
    const rules = new AccessRules(options, source, state, reading.seen)
    await rules.#record('done', tokenChanges({}, reading.file))
    rules.#pollLater()
    return rules
  }

  private constructor(
    options: AccessRulesOptions,
    source: AccessSource,
    state: AccessState,
    seen: string,
  ) {
    this.#options = options
    this.#source = source
    this.#state = state
    this.#seen = seen
  }

  /** What is in force, for a thread that begins. */
  get state(): AccessState {
    return this.#state
  }

  close(): void {
    this.#isClosed = true
    this.#cancel()
  }

  #pollLater(): void {
    if (this.#isClosed) return
    this.#cancel = this.#options.clock.after(timing.accessPollMs, () => {
      void this.#poll().finally(() => this.#pollLater())
    })
  }

  async #poll(): Promise<void> {
    const { log, path, onChange } = this.#options
    const reading = await this.#source.read()
    if (reading.seen === this.#seen || this.#isClosed) return
    this.#seen = reading.seen
    if (reading.kind === 'unusable') {
      const { reason } = reading
      log.error('the access file can not be used; the rules before it stay in force', { reason })
      await this.#record('refused', { reason })
      return
    }
    const details = tokenChanges(this.#state.file, reading.file)
    this.#state = stateOf(reading.file, reading.keys, this.#state)
    onChange(this.#state)
    log.info('other rules of access are in force', { path })
    await this.#record('done', details)
  }

  /** Rules are not held back for a log that can't be written: they may take rights away. */
  async #record(
    outcome: AdministrativeAct['outcome'],
    details: NonNullable<AdministrativeAct['details']>,
  ): Promise<void> {
    const { audit, log, path } = this.#options
    try {
      await audit.record({
        who: 'operator',
        what: 'access.load',
        outcome,
        details: { path, ...details },
      })
    } catch (error) {
      log.error('an act is missing in the audit log', describeError(error))
    }
  }
}

/** Which tokens came, went, or may do something else now: by id, which is public. */
function tokenChanges(before: AccessFile, after: AccessFile): Record<string, readonly string[]> {
  const byId = (file: AccessFile): ReadonlyMap<string, string> =>
    new Map((file.tokens ?? []).map(token => [token.id, JSON.stringify(token)]))
  const [old, now] = [byId(before), byId(after)]
  const both = [...now.keys()].filter(id => old.has(id))
  return {
    added: [...now.keys()].filter(id => !old.has(id)),
    removed: [...old.keys()].filter(id => !now.has(id)),
    changed: both.filter(id => old.get(id) !== now.get(id)),
  }
}
