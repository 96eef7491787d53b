/**
 * A process whose files can't grow past what its shell allowed (`ulimit -f`): commits until one
 * fails, then says what happened. Arguments: the engine, the directory. Prints one JSON object.
 */
import { utf8 } from '../../src/model/bytes.ts'
import { EngineFailure } from '../../src/storage/engine.ts'
import { durableEngines, isDurableEngine } from '../crash/unsynced/durable-engines.ts'

const [name = '', directory = ''] = process.argv.slice(2)
if (!isDurableEngine(name)) throw new Error(`there is no engine ${name}`)
const engine = await durableEngines[name].open(directory)
const outcome = { committed: 0, failure: '', isFailure: false, refusals: 0 }
while (outcome.failure === '') {
  const name = `${1_000 + outcome.committed}`
  const rows = ['a', 'b'].map(part => ({ key: utf8(name + part), value: new Uint8Array(9_000) }))
  try {
    await engine.commit(rows)
    outcome.committed += 1
  } catch (error) {
    outcome.failure = `${error}`
    outcome.isFailure = error instanceof EngineFailure
  }
}
const everything = { from: new Uint8Array(), to: Uint8Array.of(0xff) }
const attempts = [
  () => engine.get(utf8('1000a')),
  () => engine.range(everything),
  () => engine.commit([{ key: utf8('z'), value: null }]),
  () => engine.commit([]),
]
for (const attempt of attempts) {
  try {
    await attempt()
  } catch (error) {
    if (error instanceof EngineFailure) outcome.refusals += 1
  }
}
await engine.close()
console.log(JSON.stringify(outcome))
