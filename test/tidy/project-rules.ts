/** Rules about package.json and the lock file. */
import { z } from 'zod'
import { packagesWithoutImport } from './tables.ts'
import type { Finding, Tree } from './tree.ts'

const namesSchema = z.record(z.string(), z.string()).default({})
const packageSchema = z.object({
  dependencies: namesSchema,
  peerDependencies: namesSchema,
  devDependencies: namesSchema,
})
const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({ resolved: z.string().optional(), optionalDependencies: namesSchema }),
  ),
})

/** What is imported is declared, where it is needed; what is declared is used. */
export function packageFindings(tree: Tree, packageJson: string): readonly Finding[] {
  const { devDependencies, ...shipped } = packageSchema.parse(JSON.parse(packageJson))
  const dependencies = { ...shipped.dependencies, ...shipped.peerDependencies }
  const used = [...tree.sources.values()].flatMap(({ path, imports }) =>
    imports
      .filter(({ specifier, kind }) => kind !== 'address' && !/^(\.|node:)/.test(specifier))
      .map(({ specifier, line }) => ({ name: packageOf(specifier), file: path, line })),
  )
  const undeclared = used.flatMap(({ name, file, line }) => {
    const isShipped = /^(src|bin)\//.test(file)
    if (Object.hasOwn(dependencies, name)) return []
    if (!isShipped && Object.hasOwn(devDependencies, name)) return []
    const where = isShipped ? 'dependencies' : 'dependencies or devDependencies'
    return [{ rule: 'dependencies', file, line, message: `${name} is not among ${where}` }]
  })
  const imported = new Set(used.map(({ name }) => name))
  const unused = Object.keys({ ...dependencies, ...devDependencies })
    .filter(name => !imported.has(name) && !Object.hasOwn(packagesWithoutImport, name))
    .map(name => ({
      rule: 'dependencies',
      file: 'package.json',
      message: `${name} is imported nowhere`,
    }))
  return [...undeclared, ...unused]
}

const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

/**
 * Packages come from wherever the machine gets its packages. And the packages for other platforms
 * are listed, though a registry may not have them: `npm install` leaves those out that it can't
 * find, after which `npm ci` refuses the file.
 */
export function lockFindings(lockJson: string): readonly Finding[] {
  const { packages } = lockSchema.parse(JSON.parse(lockJson))
  const finding = (message: string): Finding => ({
    rule: 'lock-file',
    file: 'package-lock.json',
    message,
  })
  const addresses = Object.entries(packages)
    .filter(([, { resolved }]) => resolved !== undefined && /^\w+:\/\//.test(resolved))
    .map(([name]) => finding(`${name} records where it was downloaded: see .npmrc`))
  const missing = Object.entries(packages).flatMap(([from, { optionalDependencies }]) =>
    Object.keys(optionalDependencies)
      .filter(
        name => !packages[`node_modules/${name}`] && !packages[`${from}/node_modules/${name}`],
      )
      .map(name => finding(`${name}, optional for ${from}, is left out: "npm ci" will refuse`)),
  )
  return [...addresses, ...missing]
}
