/** Writes `schemas/*.schema.json` from the zod schemas: `node scripts/generate-schemas.ts`. */
import { writeFileSync } from 'node:fs'
import { formatSchema, policyJsonSchema, regionJsonSchema } from '../src/policy/json-schema.ts'

const folder = new URL('../schemas/', import.meta.url)
writeFileSync(new URL('denizen.schema.json', folder), formatSchema(policyJsonSchema()))
writeFileSync(new URL('region.schema.json', folder), formatSchema(regionJsonSchema()))
