/**
 * The access file: who may do what on this node. Only hashes of secrets stand in it. It is read
 * anew whenever it changes; a file with errors is refused as a whole, and the rules before it stay
 * in force.
 */
import { z } from 'zod'
import { limits } from '../model/limits.ts'
import { type Diagnostic, DiagnosticList } from '../policy/diagnostic.ts'
import { parseWith } from '../policy/schema-issues.ts'
import { type SourceFile, YamlSource } from '../policy/source.ts'
import { datasetNameSchema, scopesSchema } from './scope.ts'
import { tokenIdPattern } from './token.ts'

const timeSchema = z.iso.datetime({
  offset: true,
  error: 'must be a time such as 2026-12-31T00:00:00Z',
})

const rateSchema = z
  .number()
  .min(0.001)
  .max(limits.ratePerSecondMax)
  .describe('Requests per second, on average; a second of them may come at once')

const tokenSchema = z
  .strictObject({
    id: z
      .string()
      .regex(tokenIdPattern, { error: 'must be 8 to 32 of a-z and 0-9, a letter first' })
      .describe('The public part of the token: dz_<id>_<secret>'),
    hash: z
      .string()
      .regex(/^[0-9a-f]{64}$/, { error: 'must be 64 hex digits, in quotes' })
      .describe('SHA-256 of the secret, in hex'),
    name: z.string().min(1).max(100).describe('What the token is for').optional(),
    created: timeSchema.describe('When it was made'),
    expires: timeSchema.describe('When it ends; default: never').optional(),
    scopes: scopesSchema.describe('What its bearer may do'),
    rate: rateSchema.optional(),
  })
  .describe('A bearer token')

const signatures = [
  ...(['EdDSA', 'Ed25519', 'ES256', 'ES384', 'ES512'] as const),
  ...(['PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512'] as const),
] as const

/** Whether `jwks` names a URL; otherwise it names a file. */
export const isUrl = (jwks: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(jwks)

/** Keys that came in the clear could be anybody's. */
function isSafeUrl(text: string): boolean {
  const url = URL.parse(text)
  const isLoopback = url !== null && /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)
  return url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback)
}

const jwtSchema = z
  .strictObject({
    issuer: z.string().min(1).describe('The claim `iss` of every JWT'),
    audience: z.string().min(1).describe('What the claim `aud` has to name'),
    algorithms: z
      .array(z.enum(signatures))
      .min(1)
      .describe('The algorithms that may sign; none and HS* never may: the keys are public'),
    jwks: z
      .string()
      .min(1)
      .refine(text => !isUrl(text) || isSafeUrl(text), {
        error: 'must be an https URL (http on loopback), or the name of a file',
      })
      .describe('The public keys (RFC 7517): a URL, or a file beside the access file'),
    claim: z
      .string()
      .min(1)
      .describe('The claim that holds the scopes, as written here; default: denizen')
      .optional(),
  })
  .describe('Who may sign JSON Web Tokens')

const quotaSchema = z
  .strictObject({
    records: z.int().min(0).describe('Records, at most').optional(),
    bytes: z.int().min(0).describe('Bytes of keys and values, at most').optional(),
    rate: rateSchema.optional(),
  })
  .describe('Bounds of a dataset on this node')

export const accessFileSchema = z
  .strictObject({
    tokens: z.array(tokenSchema).max(limits.tokensMax).describe('Bearer tokens').optional(),
    jwt: jwtSchema.optional(),
    quotas: z
      .record(datasetNameSchema, quotaSchema)
      .describe('Bounds by name of dataset')
      .optional(),
    anonymous: scopesSchema.describe('Scopes of requests without a token').optional(),
  })
  .describe('Access to a node of Denizen')

/** Plain data: it is sent to the threads of a node as it is. */
export type AccessFile = z.infer<typeof accessFileSchema>
export type TokenEntry = NonNullable<AccessFile['tokens']>[number]
export type Quota = NonNullable<AccessFile['quotas']>[string]
export type JwtRules = NonNullable<AccessFile['jwt']>

export interface ParsedAccess {
  /** Absent if there are errors. */
  readonly file?: AccessFile
  readonly diagnostics: readonly Diagnostic[]
}

export function parseAccessFile(source: SourceFile): ParsedAccess {
  const diagnostics = new DiagnosticList()
  const yaml = new YamlSource(source, diagnostics)
  const file = parseWith(accessFileSchema, yaml, diagnostics)
  const seen = new Set<string>()
  for (const [index, { id }] of (file?.tokens ?? []).entries()) {
    if (seen.has(id)) {
      const path = ['tokens', index, 'id']
      diagnostics.report('error', 'bad_name', yaml, path, `there is another token ${id}`)
    }
    seen.add(id)
  }
  const usable = file !== undefined && !diagnostics.hasErrors
  return { ...(usable && { file }), diagnostics: diagnostics.sorted() }
}

/** The rates that a file bounds, by the name of what they bound; the order gives their slots. */
export function ratesIn({ tokens = [], quotas = {} }: AccessFile): ReadonlyMap<string, number> {
  const rates = new Map<string, number>()
  for (const { id, rate } of tokens) if (rate !== undefined) rates.set(tokenRate(id), rate)
  for (const [dataset, { rate }] of Object.entries(quotas)) {
    if (rate !== undefined) rates.set(datasetRate(dataset), rate)
  }
  return rates
}

export const tokenRate = (id: string): string => `token ${id}`
export const datasetRate = (dataset: string): string => `dataset ${dataset}`
