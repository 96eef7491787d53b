/** The port on the key API of a living cluster. */
import type { CopiedGroup, HeldGroup } from '../../api/administration.ts'
import { heldGroupSchema } from '../../api/routes/moves.ts'
import { transactionReplySchema } from '../../api/transaction-body.ts'
import { formatDuration } from '../../model/duration.ts'
import { writeCbor } from '../../protocol/cbor-writer.ts'
import { parseReceipt, type Receipt } from '../../receipts/receipt.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { type ExportedRecord, readPages } from '../export/pages.ts'
import {
  type ApiReply,
  type ApiRequest,
  decodeData,
  problemCodeOf,
  problemOf,
  send,
  unreachable,
} from '../http-client.ts'
import { keyPath } from '../key-target.ts'
import { type GroupDoor, Passing, type Step, type Written } from './group-door.ts'

export interface KeyApiDoorOptions {
  readonly url: string
  readonly dataset: string
  readonly group: string
  /** Regions that are to have a write on disk, at least. */
  readonly acks: string | undefined
}

/** Applied, or perhaps: what is asked next time finds out. */
const isPassing = (code: unknown): boolean => code === 'outcome_unknown' || code === 'acks_timeout'

export class KeyApiDoor implements GroupDoor {
  readonly #options: KeyApiDoorOptions

  constructor(options: KeyApiDoorOptions) {
    this.#options = options
  }

  async hold(forMs: number): Promise<HeldGroup> {
    const path = `${this.#path('admin/hold')}?for=${formatDuration(forMs)}`
    return heldGroupSchema.parse(decodeData(await this.#ask({ path })))
  }

  async *pages(): AsyncIterable<readonly ExportedRecord[]> {
    const { url, dataset, group } = this.#options
    try {
      yield* readPages({ url, dataset, group, prefix: '' }, undefined)
    } catch (error) {
      const isPassing = error instanceof CliError && error.exitCode === exitCodes.unreachable
      throw isPassing ? new Passing(error) : error
    }
  }

  async write(name: string, steps: readonly Step[]): Promise<Written> {
    const { acks } = this.#options
    // biome-ignore lint/suspicious/noThenProperty: the API's own name
    const transaction = { if: steps.map(conditionOf), then: steps.map(operationOf), else: [] }
    const reply = await this.#send({
      path: this.#path('tx'),
      headers: {
        ...{ 'content-type': 'application/cbor', accept: 'application/cbor' },
        'idempotency-key': name,
        ...(acks !== undefined && { 'denizen-acks': acks }),
      },
      body: writeCbor(transaction),
    })
    if (problemCodeOf(reply) === 'idempotency_mismatch') return { kind: 'used' }
    const { succeeded, results } = transactionReplySchema.parse(decodeData(checked(reply)))
    if (!succeeded) return { kind: 'overtaken' }
    return { kind: 'written', etag: results.find(({ etag }) => etag !== undefined)?.etag ?? '' }
  }

  async erase(state: string, movedTo: string | undefined): Promise<boolean> {
    const query = new URLSearchParams({ state, ...(movedTo !== undefined && { movedTo }) })
    const reply = await this.#send({ path: `${this.#path('admin/erase')}?${query}` })
    if (reply.status === 412) return false
    parseReceipt(decodeData(checked(reply)))
    return true
  }

  async receipt(copied: CopiedGroup): Promise<Receipt> {
    const headers = { accept: 'application/json', 'content-type': 'application/json' }
    const body = new TextEncoder().encode(JSON.stringify(copied))
    return parseReceipt(
      decodeData(await this.#ask({ path: this.#path('admin/moved'), headers, body })),
    )
  }

  #path(route: 'admin/hold' | 'admin/erase' | 'admin/moved' | 'tx'): string {
    return keyPath(route, this.#options.dataset, this.#options.group)
  }

  async #ask(request: Pick<ApiRequest, 'path' | 'headers' | 'body'>): Promise<ApiReply> {
    return checked(await this.#send(request))
  }

  async #send(request: Pick<ApiRequest, 'path' | 'headers' | 'body'>): Promise<ApiReply> {
    const { url } = this.#options
    const headers = { accept: 'application/json' }
    try {
      return await send({ method: 'POST', url, headers, ...request }).catch(unreachable(url))
    } catch (error) {
      throw error instanceof CliError ? new Passing(error) : error
    }
  }
}

function checked(reply: ApiReply): ApiReply {
  if (reply.status >= 200 && reply.status < 300) return reply
  const { status } = reply
  const problem = problemOf(reply)
  // 502 and 504 are of proxies.
  if (status === 429 || status >= 502 || isPassing(problemCodeOf(reply))) throw new Passing(problem)
  if (status !== 451) throw problem
  const action = 'Name a node that serves its partition: --url of the old one, --to-url of the new.'
  throw new CliError(problem.exitCode, problem.message, action)
}

const conditionOf = ({ key, over }: Step): object =>
  over === undefined ? { key, exists: false } : { key, ifMatch: over }

function operationOf(step: Step): object {
  if (step.kind === 'delete') return { op: 'delete', key: step.key }
  const { key, mediaType: type, bytes, ttlMs } = step
  return { op: 'put', key, type, bytes, ...(ttlMs !== undefined && { ttl: `${ttlMs}ms` }) }
}
