export { newTeamKey, openVault, type SealedKey, type Vault } from './custody/admin.ts'
