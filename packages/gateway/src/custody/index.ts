export { newTeamKey, openVault, type SealedKey, type Vault } from './admin.ts'
