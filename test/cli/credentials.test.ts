import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readTokenFile } from '../../src/cli/credentials.ts'
import { askData } from '../../src/cli/http-client.ts'
import { jsonReply, withServer } from './http-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'denizen-credentials-'))
test.after(() => {
  rmSync(folder, { recursive: true })
  delete process.env.DENIZEN_TOKEN
})

test('every request carries the token of the command line; a file comes before the variable', async () => {
  const seen: unknown[] = []
  const answer = ({ headers }: { headers: Readonly<Record<string, unknown>> }) => {
    seen.push(headers.authorization)
    return jsonReply(200, {})
  }
  await withServer(answer, async url => {
    delete process.env.DENIZEN_TOKEN
    await askData(url, '/v1/cluster')
    process.env.DENIZEN_TOKEN = 'of-the-variable\n'
    await askData(url, '/v1/cluster')
    const path = join(folder, 'token')
    writeFileSync(path, 'of-the-file\n')
    assert.is(readTokenFile(path), path)
    await askData(url, '/v1/cluster')
  })
  assert.equal(seen, [undefined, 'Bearer of-the-variable', 'Bearer of-the-file'])
  assert.throws(() => readTokenFile(join(folder, 'none')), /can not be read/)
})

test.run()
