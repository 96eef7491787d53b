/**
 * The image without an engine for it: the files that the Dockerfile copies, beside the packages
 * that are not for development only, started as process 1 of its namespace, as a container starts
 * it.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { freePorts } from '../../src/cli/dev/ports.ts'
import { until } from '../cluster/region-client.ts'
import { smallPolicy } from '../worlds/world.ts'
import { copies, parseDockerfile, wordsOf } from './dockerfile.ts'
import { checkout, read } from './places.ts'

const image = parseDockerfile(read('deploy/Dockerfile')).at(-1) ?? []
const asProcessOne = ['--pid', '--fork', '--kill-child', '--mount-proc']
const canNamespace = spawnSync('unshare', [...asProcessOne, 'true']).status === 0
const title = 'the image serves as process 1, is healthy, and ends in order on SIGTERM'

if (!canNamespace) process.stdout.write('skip: process 1 of a namespace needs unshare and root\n')
const namespaceTest = canNamespace ? test : test.skip

namespaceTest(title, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'denizen-image-'))
  try {
    const root = await buildTree(join(directory, 'image'))
    const config = join(directory, 'denizen.yaml')
    await writeFile(config, smallPolicy(['eu-west']))
    const ports = await freePorts(2)
    await checkLife(root, config, join(directory, 'data'), ports)
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 })
  }
})

async function checkLife(
  root: string,
  config: string,
  data: string,
  [port, peerPort]: readonly number[],
): Promise<void> {
  const url = `http://127.0.0.1:${port}`
  assert.is(await health(root, url), 1, 'nobody is there yet')
  const [, ...entry] = wordsOf(image, 'ENTRYPOINT')
  const serve = ['serve', '--region', 'eu-west', '--config', config, '--data', data]
  const addresses = ['--listen', `127.0.0.1:${port}`, '--peer-listen', `127.0.0.1:${peerPort}`]
  const command = [process.execPath, ...entry, ...serve, ...addresses, '--threads', '1']
  const outer = spawn('unshare', [...asProcessOne, ...command], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const exited = once(outer, 'exit')
  try {
    await until(async () => {
      assert.is(outer.exitCode, null, 'it runs')
      return (await fetch(`${url}/readyz`).catch(() => undefined))?.ok ?? false
    }, `${url} is ready`)
    const process1 = childOf(outer)
    assert.match(readFileSync(`/proc/${process1}/status`, 'utf8'), /^NSpid:.*\t1$/m)
    assert.is(await health(root, url), 0)
    process.kill(process1, 'SIGTERM')
    assert.equal(await exited, [0, null])
    assert.not.ok(existsSync(join(data, 'node.lock')), 'it has given its data directory back')
  } finally {
    outer.kill('SIGKILL')
  }
}

/** What the last stage copies. Packages are links: only what `src` imports is held to the list. */
async function buildTree(root: string): Promise<string> {
  mkdirSync(root)
  for (const { stage, sources, target } of copies(image)) {
    if (stage !== undefined) continue
    for (const source of sources) {
      const to = join(root, target, sources.length > 1 ? source : '')
      cpSync(join(checkout, source), to, { recursive: true })
    }
  }
  for (const path of productionPackages()) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    await symlink(join(checkout, path), join(root, path))
  }
  return root
}

const lockSchema = z.object({
  packages: z.record(z.string(), z.object({ dev: z.boolean().default(false) })),
})

/** What `npm ci --omit=dev` installs at the top, as far as this machine has it. */
const productionPackages = (): readonly string[] =>
  Object.entries(lockSchema.parse(JSON.parse(read('package-lock.json'))).packages)
    .filter(([path, { dev }]) => !dev && path.lastIndexOf('node_modules/') === 0)
    .map(([path]) => path)
    .filter(path => existsSync(join(checkout, path)))

/** The exit code of the image's own health check. */
async function health(root: string, url: string): Promise<number | null> {
  const [, ...script] = wordsOf(image, 'HEALTHCHECK')
  const check = spawn(process.execPath, script, {
    cwd: root,
    env: { ...process.env, DENIZEN_URL: url },
    stdio: 'ignore',
  })
  const [code] = await once(check, 'exit')
  return code
}

const childOf = ({ pid }: ChildProcess): number =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim())

test.run()
