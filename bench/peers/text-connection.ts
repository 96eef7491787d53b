/** One connection, one question at a time: for set-up and checks, outside of measurements. */
import { connect, type Socket } from 'node:net'

export class TextConnection {
  readonly #socket: Socket
  #text = ''
  #onText: (() => void) | undefined
  #failure: Error | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1')
    socket.on('data', text => {
      this.#text += text
      this.#onText?.()
    })
    const fail = (error: Error): void => {
      this.#failure ??= error
      this.#onText?.()
    }
    socket.on('error', fail)
    socket.on('close', () => fail(new Error('the server closed the connection')))
  }

  static open(port: number): Promise<TextConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => resolve(new TextConnection(socket)))
    })
  }

  send(text: string): void {
    this.#socket.write(text, 'latin1')
  }

  /** Sends, and resolves with all that came since, as soon as that is whole. */
  async ask(text: string, isWhole: (received: string) => boolean): Promise<string> {
    this.#text = ''
    if (text !== '') this.send(text)
    await new Promise<void>((resolve, reject) => {
      this.#onText = () => {
        if (this.#failure) reject(this.#failure)
        else if (isWhole(this.#text)) resolve()
      }
      this.#onText()
    })
    this.#onText = undefined
    return this.#text
  }

  close(): void {
    this.#socket.destroy()
  }
}
