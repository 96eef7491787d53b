/** The certificates of test/support/certificates, as the code takes them. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { TlsMaterial, TlsSource } from '../../src/runtime/tls-network.ts'

/** Where `<name>.crt` and `<name>.key` are. */
export const certificateFile = (file: string): string =>
  fileURLToPath(new URL(`./certificates/${file}`, import.meta.url))

const read = (file: string): string => readFileSync(certificateFile(file), 'utf8')

/** The certificate of that name, with the authorities that its bearer trusts. */
export const tlsMaterial = (name: string, ...authorities: readonly string[]) => ({
  cert: read(`${name}.crt`),
  key: read(`${name}.key`),
  ca: (authorities.length > 0 ? authorities : ['ca']).map(one => read(`${one}.crt`)).join(''),
})

/** Material in memory that a test replaces. */
export class ReplaceableMaterial implements TlsSource {
  readonly #tasks: (() => void)[] = []
  #material: TlsMaterial

  constructor(material: TlsMaterial) {
    this.#material = material
  }

  current(): TlsMaterial {
    return this.#material
  }

  onChange(task: () => void): void {
    this.#tasks.push(task)
  }

  replace(material: TlsMaterial): void {
    this.#material = material
    for (const task of this.#tasks) task()
  }
}
