/** One connection that sends one request at a time, at the least cost to the machine it loads. */
import { connect, type Socket } from 'node:net'

export interface Answer {
  /** 0: the connection ended first. */
  readonly status: number
  readonly tookMs: number
}

export class Lane {
  readonly #socket: Socket
  #received = ''
  #sentMs = 0
  #answered: ((answer: Answer) => void) | undefined
  isOpen = true

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.setEncoding('latin1')
    this.#socket.on('data', (text: string) => this.#receive(text))
    this.#socket.on('error', () => this.#socket.destroy())
    this.#socket.on('close', () => {
      this.isOpen = false
      this.#settle(0)
    })
  }

  /** `sentMs`: when it should have been sent, so that waiting for the machine counts, too. */
  send(request: string, sentMs: number, answered: (answer: Answer) => void): void {
    this.#sentMs = sentMs
    this.#answered = answered
    this.#socket.write(request, 'latin1')
  }

  close(): void {
    this.#socket.destroy()
  }

  #receive(text: string): void {
    this.#received += text
    const headEnd = this.#received.indexOf('\r\n\r\n')
    if (headEnd < 0) return
    const head = this.#received.slice(0, headEnd)
    const [, length = '0'] = /content-length: (\d+)/i.exec(head) ?? []
    if (this.#received.length < headEnd + 4 + Number(length)) return
    this.#received = ''
    this.#settle(Number(head.slice(9, 12)))
  }

  #settle(status: number): void {
    const answered = this.#answered
    this.#answered = undefined
    answered?.({ status, tookMs: performance.now() - this.#sentMs })
  }
}
