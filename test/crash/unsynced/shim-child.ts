/** Writes files in ways whose durability is known, then dies. Argument: the directory. */
import * as fs from 'node:fs'
import { join } from 'node:path'

const directory = process.argv[2] as string
const at = (name: string) => join(directory, name)
const edit = (name: string, change: (file: number) => void) => {
  const file = fs.openSync(at(name), 'r+')
  change(file)
  fs.closeSync(file)
}
const syncDirectory = () => {
  const file = fs.openSync(directory, 'r')
  fs.fsyncSync(file)
  fs.closeSync(file)
}

for (const name of ['synced', 'overwritten', 'truncated', 'grown', 'direct', 'replaced', 'old']) {
  fs.writeFileSync(at(name), 'durable text')
  edit(name, fs.fsyncSync)
}
syncDirectory()

edit('synced', file => {
  fs.writeSync(file, 'DURABLE', 0)
  fs.fdatasyncSync(file)
})
edit('overwritten', file => {
  fs.writeSync(file, 'first', 0)
  fs.writeSync(file, 'second, longer than the text', 3)
})
edit('truncated', file => fs.ftruncateSync(file, 3))
fs.writeFileSync(at('grown'), 'a new text')
fs.appendFileSync(at('grown'), ', and more')
// A synced write over an unsynced one: its bytes are durable, its neighbours are not.
edit('direct', file => fs.writeSync(file, 'xxxxxxxxxxxxxxxxxx', 0))
const direct = fs.openSync(at('direct'), fs.constants.O_WRONLY | fs.constants.O_DSYNC)
fs.writeSync(direct, 'SYNC', 2)
fs.writeFileSync(at('made'), 'its entry is not durable')
edit('made', fs.fsyncSync)
fs.mkdirSync(at('directory'))
fs.renameSync(at('old'), at('replaced'))
process.kill(process.pid, 'SIGKILL')
