/** As much of systemd's files as ours use: systemd.syntax(7), systemd.service(5). */

/** Section → setting → its values in the order of their lines. */
export type Unit = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>

export function parseUnit(text: string): Unit {
  const unit = new Map<string, Map<string, string[]>>()
  let section = new Map<string, string[]>()
  for (const line of text.replace(/\\\n/g, ' ').split('\n')) {
    if (/^\s*([#;]|$)/.test(line)) continue
    const name = /^\[(.+)\]$/.exec(line)?.[1]
    if (name !== undefined) {
      section = new Map()
      unit.set(name, section)
      continue
    }
    const at = line.indexOf('=')
    if (at < 0) throw new Error(`no setting: ${line}`)
    const setting = line.slice(0, at)
    section.set(setting, [...(section.get(setting) ?? []), line.slice(at + 1).trim()])
  }
  return unit
}

/** The values of a setting of [Service]. */
export const service = (unit: Unit, setting: string): readonly string[] =>
  unit.get('Service')?.get(setting) ?? []

/** An environment file: NAME=value, quotes around a value taken off. */
export function parseEnvironment(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\n').filter(line => !/^\s*([#;]|$)/.test(line))
  return new Map(
    lines.map(line => {
      const at = line.indexOf('=')
      if (at < 0) throw new Error(`no variable: ${line}`)
      return [line.slice(0, at), line.slice(at + 1).replace(/^(["'])(.*)\1$/, '$2')]
    }),
  )
}

/**
 * What systemd executes for an instance. `read` gives the text of an environment file; `undefined`:
 * there is none, which a file whose name begins with `-` may be.
 */
export function startCommand(
  unit: Unit,
  instance: string,
  read: (path: string) => string | undefined,
): readonly string[] {
  const environment = new Map<string, string>()
  for (const setting of service(unit, 'EnvironmentFile')) {
    const path = setting.replace(/^-/, '').replaceAll('%i', instance)
    const text = read(path)
    if (text === undefined && !setting.startsWith('-')) throw new Error(`${path} is missing`)
    for (const [name, value] of parseEnvironment(text ?? '')) environment.set(name, value)
  }
  const [command = '', ...more] = service(unit, 'ExecStart')
  if (more.length > 0) throw new Error('one command is expected')
  return command.split(/\s+/).flatMap(word => expand(word, instance, environment))
}

/** `$NAME` as a word becomes as many words as its value has; `${NAME}` stays within its word. */
function expand(
  word: string,
  instance: string,
  environment: ReadonlyMap<string, string>,
): readonly string[] {
  const alone = /^\$(\w+)$/.exec(word)?.[1]
  if (alone !== undefined) return environment.get(alone)?.split(/\s+/).filter(Boolean) ?? []
  return [
    word
      .replaceAll('%i', instance)
      .replace(/\$\{(\w+)\}/g, (_, name: string) => environment.get(name) ?? ''),
  ]
}
