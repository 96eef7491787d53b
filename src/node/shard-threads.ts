/** Starts shard threads and offers each as a port. */
import { Worker } from 'node:worker_threads'
import type { FromShard, ShardPort, ToShard } from '../storage/shard-messages.ts'

export interface ShardThreads {
  readonly ports: readonly ShardPort[]
  close(): Promise<void>
}

export function startShardThreads(
  count: number,
  onDeath: (error: Error | undefined) => void,
): ShardThreads {
  let closing = false
  const workers = Array.from({ length: count }, () => {
    const worker = new Worker(new URL('./shard-thread.ts', import.meta.url))
    worker.on('error', error => onDeath(error instanceof Error ? error : new Error(String(error))))
    worker.on('exit', () => {
      if (!closing) onDeath(undefined)
    })
    return worker
  })
  return {
    ports: workers.map(worker => ({
      post: (message: ToShard) => worker.postMessage(message),
      onMessage: (receive: (message: FromShard) => void) => worker.on('message', receive),
    })),
    async close() {
      closing = true
      await Promise.all(workers.map(worker => worker.terminate()))
    },
  }
}
