/**
 * Commits numbered rows until it is killed, and prints the number of rows after each commit that
 * resolved. Arguments: the directory, and what commits: the name of an engine; that and `-open`,
 * which opens it, prints how many rows it shows, and dies; that and `-compact`, which writes the
 * store anew all the time beside; or what an engine must not be. When the
 * engine refuses, prints `failed` and whether it refuses reads too.
 */
import { writeSync } from 'node:fs'
import { open } from 'lmdb'
import type { Engine, RowChange } from '../../../src/storage/engine.ts'
import { durableEngines, isDurableEngine } from './durable-engines.ts'
import { countRow, readCount, rowsOfCommit } from './numbered-rows.ts'

const [directory = '', variety = 'lmdb'] = process.argv.slice(2)

const [name = '', ending] = variety.split('-')

const broken: Record<string, object> = {
  /** Never syncs. */
  'no-sync': { noSync: true, overlappingSync: false },
  /** Syncs the pages, but what makes them the store's only with the next commit. */
  'sync-later': { noMetaSync: true, overlappingSync: false },
}

async function openVariety(): Promise<Pick<Engine, 'get' | 'commit' | 'compact'>> {
  if (isDurableEngine(name)) return durableEngines[name].open(directory)
  const environment = open<Uint8Array, Uint8Array>({
    path: directory,
    noSubdir: false,
    keyEncoding: 'binary',
    encoding: 'binary',
    ...broken[variety],
  })
  return {
    get: key => environment.getBinary(key),
    commit: async (changes: readonly RowChange[]) => {
      await environment.batch(() => {
        for (const { key, value } of changes) if (value) environment.put(key, value)
      })
    },
  }
}

const store = await openVariety()
if (ending === 'open') {
  writeSync(1, `${readCount(store)}\n`)
  process.kill(process.pid, 'SIGKILL')
}
async function compactForever(): Promise<void> {
  for (;;) await store.compact?.()
}
if (ending === 'compact') void compactForever()
for (let count = readCount(store); ; ) {
  const rows = rowsOfCommit(count)
  try {
    await store.commit([...rows, countRow(count + rows.length)])
  } catch (error) {
    let refused = false
    try {
      store.get(countRow(0).key)
    } catch {
      refused = true
    }
    writeSync(1, `failed ${(error as Error).name} refused=${refused}\n`)
    process.exit(0)
  }
  count += rows.length
  writeSync(1, `${count}\n`)
}
