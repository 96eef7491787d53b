/** JSON Schemas of the two kinds of file that people write, for editors that complete and check. */
import { z } from 'zod'
import { regionSchema } from '../model/region.ts'
import { policyFileSchema } from './schema.ts'

export type JsonSchema = z.core.JSONSchema.JSONSchema

const generate = (schema: z.ZodType, title: string): JsonSchema => {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input' })
  return { ...($schema === undefined ? {} : { $schema }), title, ...rest }
}

export const policyJsonSchema = (): JsonSchema => generate(policyFileSchema, 'denizen.yaml')

export const regionJsonSchema = (): JsonSchema => generate(regionSchema, 'Region of Denizen')

/** The text of a schema file, as committed under `schemas/`. */
export const formatSchema = (schema: JsonSchema): string => `${JSON.stringify(schema, null, 2)}\n`
