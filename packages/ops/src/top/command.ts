export const summary = 'x'
export const help = ''
export const run = async () => 0
