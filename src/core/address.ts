// How a place to listen on or to connect to is written.

/** `host:port`, an IPv6 address in brackets: its colons would run into that of the port. */
export function addressText({
  host,
  port,
}: {
  readonly host: string
  readonly port: number
}): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
