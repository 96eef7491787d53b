import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { formatSchema, policyJsonSchema, regionJsonSchema } from '../../src/policy/json-schema.ts'

const committed = (name: string): string =>
  readFileSync(new URL(`../../schemas/${name}`, import.meta.url), 'utf8')

const stale = 'is stale: run node scripts/generate-schemas.ts'

test('the committed schemas are the generated ones', () => {
  assert.is(committed('denizen.schema.json'), formatSchema(policyJsonSchema()), `denizen ${stale}`)
  assert.is(committed('region.schema.json'), formatSchema(regionJsonSchema()), `region ${stale}`)
})

test('every field has a description', () => {
  const missing: string[] = []
  const walk = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return
    for (const [key, value] of Object.entries(node)) {
      if (key === 'properties') {
        for (const [field, schema] of Object.entries(value)) {
          if (JSON.stringify(schema).includes('"description"')) continue
          missing.push(`${path}.${field}`)
        }
      }
      walk(value, `${path}.${key}`)
    }
  }
  walk(policyJsonSchema(), 'denizen')
  walk(regionJsonSchema(), 'region')
  assert.equal(missing, [])
})

test.run()
