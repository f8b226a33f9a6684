/** Returns the text of a body; `undefined` for streams, forms and files, which are not read. */
export async function textOfRequest(
  body: BodyInit | undefined,
  request: Request | undefined,
): Promise<string | undefined> {
  if (body instanceof Uint8Array || body instanceof ArrayBuffer) return new TextDecoder().decode(body)
  if (body instanceof Blob) return await body.text()
  return body === undefined && request?.body ? await request.clone().text() : undefined
}
