/** Reads an own member: names such as `constructor` are data. */
export const ownValue = <T>(
  record: Readonly<Record<string, T>> | undefined,
  name: string | undefined,
): T | undefined =>
  name !== undefined && record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined
