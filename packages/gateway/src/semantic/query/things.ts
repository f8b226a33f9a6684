/** Things that one customer has, and whose state only that customer's records show. */
const ENGLISH = `account|address|application|appointment|balance|basket|bill|billing|booking|card|cart|case|cash|cashback|charge|check|cheque|
claim|complaint|contract|courier|credit|debit|delivery|deposit|discount|document|donation|driver|email|e-mail|exchange|fee|file|funds|
identity|installation|insurance|invoice|item|items|label|loan|loyalty|membership|message|money|mortgage|order|package|parcel|part|parts|
passcode|passport|password|payment|payout|pin|plan|points|policy|prescription|product|profile|purchase|rebate|receipt|refund|registration|
rental|repair|replacement|request|reservation|return|reward|salary|service|shipment|statement|subscription|technician|ticket|top-up|
top up|tracking|transaction|transfer|trip|van|verification|visit|voucher|warranty|withdrawal`

const GERMAN =
  'adresse|abo|abonnement|antrag|bestellung|buchung|erstattung|gutschrift|karte|konto|kontostand|lieferung|paket|passwort|rechnung|' +
  'reklamation|retoure|rückerstattung|rücksendung|sendung|termin|überweisung|vertrag|zahlung|geld|ware|artikel'
const SPANISH =
  'cita|compra|contrato|cuenta|devolución|dinero|entrega|envío|factura|pago|paquete|pedido|reclamación|reembolso|reserva|saldo|' +
  'solicitud|suscripción|tarjeta|transferencia|artículo'
const FRENCH =
  'abonnement|achat|adresse|argent|carte|colis|commande|compte|contrat|demande|facture|livraison|paiement|réclamation|' +
  'remboursement|rendez-vous|réservation|retour|solde|virement|article'

/** Source of a regular expression that matches one such thing, in the singular or plural. */
export const THING = `(?:${ENGLISH.replace(/\n/g, '')})(?:e?s)?`
export const FOREIGN_THING = `(?:${GERMAN}|${SPANISH}|${FRENCH})(?:e?[sn])?`
