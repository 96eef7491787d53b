/** What some tests need beyond npm's packages: installed where that can be done, else said. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
const installMaxMs = 180_000

/** A line for people; tests that need what is missing skip themselves. */
export async function setUpCompiler(): Promise<string> {
  const why = 'the power-cut tests of test/crash'
  if (process.platform !== 'linux') return `skip: ${why} need Linux`
  if (await canCompile()) return `C compiler for ${why}: there`
  if (process.getuid?.() !== 0) return `skip: ${why} need gcc and libc6-dev, and this is not root`
  try {
    await aptGet('update')
    await aptGet('install', '-y', '--no-install-recommends', 'gcc', 'libc6-dev')
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string }
    const reason = (stderr || message).trim().split('\n').at(-1)
    return `skip: ${why} need gcc and libc6-dev, which can't be installed: ${reason}`
  }
  return (await canCompile())
    ? `C compiler for ${why}: installed`
    : `skip: ${why}: the C compiler that was installed does not work`
}

/** With the C library's headers, which are a package of their own. */
async function canCompile(): Promise<boolean> {
  const args = ['-c', 'echo "#include <stdio.h>" | cc -E -x c - >/dev/null']
  return await run('sh', args).then(
    () => true,
    () => false,
  )
}

const aptGet = (...args: readonly string[]) =>
  run('apt-get', ['-qq', ...args], {
    timeout: installMaxMs,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
