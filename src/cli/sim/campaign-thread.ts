/** A thread of a campaign: runs seeds one after the other, judges each, tells what came of it. */
import { parentPort } from 'node:worker_threads'
import { assert } from '../../model/assert.ts'
import { loadHasher } from '../../model/hash.ts'
import { judge } from '../../simulation/judge.ts'
import { runSeed } from '../../simulation/run.ts'
import type { SeedRequest } from './campaign.ts'

const port = parentPort
assert(port, 'a campaign starts this in a thread')
const hasher = await loadHasher()

// The campaign has made it of this type.
port.on('message', (request: SeedRequest | 'end') => {
  if (request === 'end') {
    port.close()
    return
  }
  runSeed({ ...request, hasher }).then(
    result => port.postMessage(judge(result)),
    (error: unknown) => {
      // Out of every promise: the thread ends with it.
      setImmediate(() => {
        throw error
      })
    },
  )
})
