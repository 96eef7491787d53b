/**
 * Operations as they come in: in one body, or one by one in a sequence. What has the usual form is
 * taken as it is, without a schema and, in CBOR, without decoding values; the rest goes through the
 * schemas, which say what is wrong with it. batch-body.test.ts holds the two ways together.
 */
import { z } from 'zod'
import { DenizenError } from '../model/errors.ts'
import { limits } from '../model/limits.ts'
import { CborReader, expectedTexts } from '../protocol/cbor-reader.ts'
import { EncodedCbor } from '../protocol/encoded-cbor.ts'
import { type BatchOp, operationSchema } from './batch-schemas.ts'
import { parseWith } from './declare.ts'
import { decodeFormat, type Format } from './media-type.ts'

export const bodySchema = z
  .strictObject({
    ops: z.array(operationSchema).meta({ description: `At most ${limits.batchOpsMax}` }),
  })
  .meta({ id: 'BatchRequest' })

/** The operations of a body. Throws `bad_body`, `bad_request`, `too_large`. */
export function operationsOf(bytes: Uint8Array, format: Format): readonly BatchOp[] {
  const usual = format === 'cbor' ? usualBody(new CborReader(plainView(bytes))) : undefined
  if (usual) return usual
  const body = decodeFormat(format, bytes)
  if (typeof body === 'object' && body !== null && 'ops' in body && Array.isArray(body.ops)) {
    checkCount(body.ops.length)
    if (Object.keys(body).length === 1 && body.ops.every(isUsual)) return body.ops
  }
  return parseWith(bodySchema, body, 'body').ops
}

/** Of a Node Buffer, values would be Buffers: they are slower to make, and to send on. */
const plainView = ({ buffer, byteOffset, length }: Uint8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, length)

/** One operation of a sequence. Throws `bad_body`, `bad_request`. */
export function operationOf(bytes: Uint8Array, format: Format): BatchOp {
  if (format === 'cbor') {
    const reader = new CborReader(plainView(bytes))
    const usual = usualOperation(reader)
    if (usual && reader.atEnd) return usual
  }
  const item = decodeFormat(format, bytes)
  return isUsual(item) ? item : parseWith(operationSchema, item, 'body')
}

const opsMember = expectedTexts('ops')

function usualBody(reader: CborReader): readonly BatchOp[] | undefined {
  if (reader.mapLength() !== 1 || reader.textAmong(opsMember) === undefined) return undefined
  const count = reader.arrayLength()
  if (count === undefined) return undefined
  checkCount(count)
  const operations: BatchOp[] = []
  for (let i = 0; i < count; i++) {
    const operation = usualOperation(reader)
    if (operation === undefined) return undefined
    operations.push(operation)
  }
  return reader.atEnd ? operations : undefined
}

function checkCount(count: number): void {
  if (count <= limits.batchOpsMax) return
  throw new DenizenError('too_large', `more than ${limits.batchOpsMax} operations`, {
    extra: { batchOpsMax: limits.batchOpsMax },
  })
}

const members = expectedTexts<Member>(
  ...(['op', 'key', 'value', 'type', 'bytes', 'ifMatch', 'ifNoneMatch', 'ttl'] as const),
)
const operationKinds = expectedTexts('get', 'put', 'delete')

/** What has been read of an operation. */
interface Draft {
  op: BatchOp['op'] | undefined
  key: string | undefined
  value: EncodedCbor | undefined
  type: string | undefined
  bytes: Uint8Array | undefined
  ifMatch: string | undefined
  ifNoneMatch: string | undefined
  ttl: string | undefined
}
type Member = keyof Draft

const emptyDraft: Draft = {
  ...{ op: undefined, key: undefined, value: undefined, type: undefined, bytes: undefined },
  ...{ ifMatch: undefined, ifNoneMatch: undefined, ttl: undefined },
}

function usualOperation(reader: CborReader): BatchOp | undefined {
  const count = reader.mapLength()
  if (count === undefined) return undefined
  const draft: Draft = { ...emptyDraft }
  for (let i = 0; i < count; i++) {
    const name = reader.textAmong(members)
    if (name === undefined || draft[name] !== undefined) return undefined
    readMember(reader, name, draft)
    if (draft[name] === undefined) return undefined
  }
  return operationFrom(draft)
}

function readMember(reader: CborReader, name: Member, draft: Draft): void {
  switch (name) {
    case 'op':
      draft.op = reader.textAmong(operationKinds)
      return
    case 'key':
      draft.key = reader.text()
      return
    case 'value':
      draft.value = new EncodedCbor(reader.encoded())
      return
    case 'bytes':
      draft.bytes = reader.byteString()
      return
    case 'type':
      draft.type = reader.repeatedText()
      return
    default:
      draft[name] = reader.text()
  }
}

/** Undefined where the schema has to say what is wrong. */
function operationFrom(draft: Draft): BatchOp | undefined {
  const { op, key, value, bytes, type, ttl, ifMatch, ifNoneMatch } = draft
  if (op === undefined || key === undefined) return undefined
  const conditions = {
    ...(ifMatch !== undefined && { ifMatch }),
    ...(ifNoneMatch !== undefined && { ifNoneMatch }),
  }
  const isConditional = ifMatch !== undefined || ifNoneMatch !== undefined
  if (op !== 'put') {
    const isPut = value !== undefined || bytes !== undefined || type !== undefined
    if (isPut || ttl !== undefined) return undefined
    return isConditional ? { op, key, ...conditions } : { op, key }
  }
  const others = isConditional || ttl !== undefined
  const life = ttl === undefined ? conditions : { ...conditions, ttl }
  if (value !== undefined) {
    if (bytes !== undefined || type !== undefined) return undefined
    return others ? { op, key, value, ...life } : { op, key, value }
  }
  if (bytes === undefined || type === undefined) return undefined
  return others ? { op, key, type, bytes, ...life } : { op, key, type, bytes }
}

/** Whether the schema takes it as it is. False says nothing. */
export function isUsual(item: unknown): item is BatchOp {
  if (typeof item !== 'object' || item === null || !('op' in item) || !('key' in item)) return false
  const { op } = item
  for (const [name, member] of Object.entries(item)) {
    if (!isMember(name, member, op === 'put')) return false
  }
  if (op === 'get' || op === 'delete') return true
  if (op !== 'put') return false
  return 'value' in item ? !('bytes' in item || 'type' in item) : 'bytes' in item && 'type' in item
}

function isMember(name: string, member: unknown, ofPut: boolean): boolean {
  switch (name) {
    case 'op':
    case 'key':
    case 'ifMatch':
    case 'ifNoneMatch':
      return typeof member === 'string'
    case 'type':
    case 'ttl':
      return ofPut && typeof member === 'string'
    case 'bytes':
      return ofPut && (typeof member === 'string' || member instanceof Uint8Array)
    case 'value':
      return ofPut
    default:
      return false
  }
}
