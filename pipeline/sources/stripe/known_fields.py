"""Fields that Stripe's API 2026-10-28.endive has and the allow-list drops, and the values of its enumerations.

Made by scripts/stripe_fields.py from the stripe package; not to be edited by hand.
"""

DROPPED = {
    "coupon": ("livemode"),
    "credit_note": (
        "amount_shipping customer_account customer_balance_transaction livemode memo "
        "metadata pdf pretax_credit_amounts refunds shipping_cost"
    ),
    "credit_note.lines": ("description livemode metadata pretax_credit_amounts tax_rates"),
    "customer": (
        "balance business_name cash_balance customer_account default_source delinquent "
        "description individual_name invoice_credit_balance invoice_prefix "
        "invoice_settings livemode next_invoice_sequence phone preferred_locales shipping "
        "sources subscriptions tax tax_ids"
    ),
    "customer.address": ("city line1 line2 postal_code state"),
    "discount": ("checkout_session customer_account"),
    "event": ("account context livemode pending_webhooks request"),
    "invoice": (
        "account_country account_name account_tax_ids amount_overpaid "
        "amount_paid_off_stripe amount_shipping application automatic_tax "
        "automatically_finalizes_at confirmation_secret custom_fields customer_account "
        "customer_address customer_email customer_name customer_phone customer_shipping "
        "customer_tax_exempt customer_tax_ids default_payment_method default_source "
        "description footer hosted_invoice_url invoice_pdf issuer last_finalization_error "
        "livemode metadata on_behalf_of payment_settings payments receipt_number "
        "rendering shipping_cost shipping_details statement_descriptor threshold_reason "
        "webhooks_delivered_at"
    ),
    "invoice.lines": ("description livemode metadata"),
    "invoice.lines.pretax_credit_amounts": ("credit_balance_transaction"),
    "invoice.parent.subscription_details": ("metadata"),
    "invoice.total_pretax_credit_amounts": ("credit_balance_transaction"),
    "invoiceitem": ("customer_account description frozen_fields invoicing_rules livemode metadata"),
    "invoiceitem.proration_details.credited_items": ("invoice_line_item_details type"),
    "plan": ("livemode"),
    "price": ("livemode"),
    "product": (
        "description images livemode marketing_features package_dimensions shippable "
        "statement_descriptor tax_code tax_details url"
    ),
    "promotion_code": ("customer_account livemode restrictions"),
    "subscription": (
        "application application_fee_percent billing_cycle_anchor_config "
        "billing_thresholds customer_account default_payment_method default_source "
        "description invoice_settings livemode managed_payments "
        "next_pending_invoice_item_invoice on_behalf_of payment_settings "
        "pending_invoice_item_interval pending_setup_intent presentment_details "
        "transfer_data trial_settings"
    ),
    "subscription.automatic_tax": ("disabled_reason liability"),
    "subscription.cancellation_details": ("comment feedback_option"),
    "subscription.default_tax_rates": (
        "country description display_name jurisdiction jurisdiction_level livemode "
        "metadata state tax_type"
    ),
    "subscription.items": ("billing_thresholds"),
    "subscription.pending_update": ("cancel_at_period_end discount discounts metadata"),
    "subscription_schedule": ("application customer_account default_settings livemode"),
    "subscription_schedule.phases": (
        "add_invoice_items application_fee_percent automatic_tax billing_thresholds "
        "collection_method default_payment_method description invoice_settings "
        "on_behalf_of transfer_data"
    ),
    "subscription_schedule.phases.items": ("billing_thresholds"),
}
"""Node of the allow-list -> fields that are dropped there."""

VALUES = {
    "coupon.duration": ("forever once repeating"),
    "credit_note.lines.type": ("custom_line_item invoice_line_item"),
    "credit_note.status": ("issued void"),
    "credit_note.type": ("mixed post_payment pre_payment"),
    "discount.source.type": ("coupon"),
    "event.type": (
        "account.application.authorized account.application.deauthorized "
        "account.external_account.created account.external_account.deleted "
        "account.external_account.updated account.updated application_fee.created "
        "application_fee.refund.updated application_fee.refunded apps.install.created "
        "apps.install.deleted apps.install.updated balance.available "
        "balance_settings.updated billing.alert.triggered "
        "billing.credit_balance_transaction.created billing.credit_grant.created "
        "billing.credit_grant.updated billing.meter.created billing.meter.deactivated "
        "billing.meter.reactivated billing.meter.updated "
        "billing_portal.configuration.created billing_portal.configuration.updated "
        "billing_portal.session.created capability.updated cash_balance.funds_available "
        "charge.captured charge.dispute.closed charge.dispute.created "
        "charge.dispute.funds_reinstated charge.dispute.funds_withdrawn "
        "charge.dispute.updated charge.expired charge.failed charge.pending "
        "charge.refund.updated charge.refunded charge.succeeded charge.updated "
        "checkout.session.async_payment_failed checkout.session.async_payment_succeeded "
        "checkout.session.completed checkout.session.expired climate.order.canceled "
        "climate.order.created climate.order.delayed climate.order.delivered "
        "climate.order.product_substituted climate.product.created "
        "climate.product.pricing_updated coupon.created coupon.deleted coupon.updated "
        "credit_note.created credit_note.updated credit_note.voided customer.created "
        "customer.deleted customer.discount.created customer.discount.deleted "
        "customer.discount.updated customer.source.created customer.source.deleted "
        "customer.source.expiring customer.source.updated customer.subscription.created "
        "customer.subscription.deleted customer.subscription.paused "
        "customer.subscription.pending_update_applied "
        "customer.subscription.pending_update_expired customer.subscription.resumed "
        "customer.subscription.trial_will_end customer.subscription.updated "
        "customer.tax_id.created customer.tax_id.deleted customer.tax_id.updated "
        "customer.updated customer_cash_balance_transaction.created "
        "entitlements.active_entitlement_summary.updated file.created "
        "financial_connections.account.account_numbers_updated "
        "financial_connections.account.created financial_connections.account.deactivated "
        "financial_connections.account.disconnected "
        "financial_connections.account.expected_deactivation_date_updated "
        "financial_connections.account.reactivated "
        "financial_connections.account.refreshed_balance "
        "financial_connections.account.refreshed_ownership "
        "financial_connections.account.refreshed_transactions "
        "financial_connections.account.supported_payment_method_types_updated "
        "financial_connections.account.upcoming_account_number_expiry "
        "financial_connections.account.upcoming_deactivation "
        "financial_connections.authorization.expected_deactivation_date_updated "
        "financial_connections.authorization.upcoming_deactivation "
        "identity.verification_session.canceled identity.verification_session.created "
        "identity.verification_session.processing identity.verification_session.redacted "
        "identity.verification_session.requires_input "
        "identity.verification_session.verified invoice.created invoice.deleted "
        "invoice.finalization_failed invoice.finalized invoice.marked_uncollectible "
        "invoice.overdue invoice.overpaid invoice.paid invoice.payment_action_required "
        "invoice.payment_attempt_required invoice.payment_failed "
        "invoice.payment_succeeded invoice.sent invoice.upcoming invoice.updated "
        "invoice.voided invoice.will_be_due invoice_payment.paid invoiceitem.created "
        "invoiceitem.deleted issuing_authorization.created issuing_authorization.request "
        "issuing_authorization.updated issuing_card.created issuing_card.updated "
        "issuing_cardholder.created issuing_cardholder.updated issuing_dispute.closed "
        "issuing_dispute.created issuing_dispute.funds_reinstated "
        "issuing_dispute.funds_rescinded issuing_dispute.submitted "
        "issuing_dispute.updated issuing_personalization_design.activated "
        "issuing_personalization_design.deactivated "
        "issuing_personalization_design.rejected issuing_personalization_design.updated "
        "issuing_token.created issuing_token.updated issuing_transaction.created "
        "issuing_transaction.purchase_details_receipt_updated issuing_transaction.updated "
        "mandate.updated payment_intent.amount_capturable_updated payment_intent.canceled "
        "payment_intent.created payment_intent.partially_funded "
        "payment_intent.payment_failed payment_intent.processing "
        "payment_intent.requires_action payment_intent.succeeded payment_link.created "
        "payment_link.updated payment_method.attached "
        "payment_method.automatically_updated payment_method.detached "
        "payment_method.updated payout.canceled payout.created payout.failed payout.paid "
        "payout.reconciliation_completed payout.updated person.created person.deleted "
        "person.updated plan.created plan.deleted plan.updated price.created "
        "price.deleted price.updated product.created product.deleted product.updated "
        "promotion_code.created promotion_code.updated quote.accepted quote.canceled "
        "quote.created quote.finalized radar.early_fraud_warning.created "
        "radar.early_fraud_warning.updated refund.created refund.failed refund.updated "
        "reporting.report_run.failed reporting.report_run.succeeded "
        "reporting.report_type.updated reserve.hold.created reserve.hold.updated "
        "reserve.plan.created reserve.plan.disabled reserve.plan.expired "
        "reserve.plan.updated reserve.release.created review.closed review.opened "
        "setup_intent.canceled setup_intent.created setup_intent.requires_action "
        "setup_intent.setup_failed setup_intent.succeeded "
        "sigma.scheduled_query_run.created source.canceled source.chargeable "
        "source.failed source.mandate_notification source.refund_attributes_required "
        "source.transaction.created source.transaction.updated "
        "subscription_schedule.aborted subscription_schedule.canceled "
        "subscription_schedule.completed subscription_schedule.created "
        "subscription_schedule.expiring subscription_schedule.released "
        "subscription_schedule.updated tax.settings.updated tax_rate.created "
        "tax_rate.updated terminal.reader.action_failed terminal.reader.action_succeeded "
        "terminal.reader.action_updated test_helpers.test_clock.advancing "
        "test_helpers.test_clock.created test_helpers.test_clock.deleted "
        "test_helpers.test_clock.internal_failure test_helpers.test_clock.ready "
        "three_d_secure.authentication.canceled "
        "three_d_secure.authentication.challenge_started "
        "three_d_secure.authentication.errored three_d_secure.authentication.failed "
        "three_d_secure.authentication.requires_challenge "
        "three_d_secure.authentication.requires_submission "
        "three_d_secure.authentication.succeeded topup.canceled topup.created "
        "topup.failed topup.reversed topup.succeeded transfer.created transfer.reversed "
        "transfer.updated treasury.credit_reversal.created "
        "treasury.credit_reversal.posted treasury.debit_reversal.completed "
        "treasury.debit_reversal.created treasury.debit_reversal.initial_credit_granted "
        "treasury.financial_account.closed treasury.financial_account.created "
        "treasury.financial_account.features_status_updated "
        "treasury.inbound_transfer.canceled treasury.inbound_transfer.created "
        "treasury.inbound_transfer.failed treasury.inbound_transfer.succeeded "
        "treasury.outbound_payment.canceled treasury.outbound_payment.created "
        "treasury.outbound_payment.expected_arrival_date_updated "
        "treasury.outbound_payment.failed treasury.outbound_payment.posted "
        "treasury.outbound_payment.returned "
        "treasury.outbound_payment.tracking_details_updated "
        "treasury.outbound_transfer.canceled treasury.outbound_transfer.created "
        "treasury.outbound_transfer.expected_arrival_date_updated "
        "treasury.outbound_transfer.failed treasury.outbound_transfer.posted "
        "treasury.outbound_transfer.returned "
        "treasury.outbound_transfer.tracking_details_updated "
        "treasury.received_credit.created treasury.received_credit.failed "
        "treasury.received_credit.succeeded treasury.received_debit.created"
    ),
    "invoice.billing_reason": (
        "automatic_pending_invoice_item_invoice manual quote_accept subscription "
        "subscription_create subscription_cycle subscription_threshold "
        "subscription_update upcoming"
    ),
    "invoice.collection_method": ("charge_automatically send_invoice"),
    "invoice.lines.parent.type": ("invoice_item_details subscription_item_details"),
    "invoice.lines.pretax_credit_amounts.type": ("credit_balance_transaction discount"),
    "invoice.parent.type": ("quote_details subscription_details"),
    "invoice.status": ("draft open paid uncollectible void"),
    "invoice.total_pretax_credit_amounts.type": ("credit_balance_transaction discount"),
    "invoice.total_taxes.tax_behavior": ("exclusive inclusive"),
    "invoice.total_taxes.type": ("tax_rate_details"),
    "invoiceitem.parent.type": ("subscription_details"),
    "invoiceitem.pricing.type": ("price_details"),
    "plan.billing_scheme": ("per_unit tiered"),
    "plan.interval": ("day month week year"),
    "plan.tiers_mode": ("graduated volume"),
    "plan.transform_usage.round": ("down up"),
    "plan.usage_type": ("licensed metered"),
    "price.billing_scheme": ("per_unit tiered"),
    "price.recurring.interval": ("day month week year"),
    "price.recurring.usage_type": ("licensed metered"),
    "price.tax_behavior": ("exclusive inclusive unspecified"),
    "price.tiers_mode": ("graduated volume"),
    "price.transform_quantity.round": ("down up"),
    "price.type": ("one_time recurring"),
    "product.type": ("good service"),
    "promotion_code.promotion.type": ("coupon"),
    "subscription.collection_method": ("charge_automatically send_invoice"),
    "subscription.pause_collection.behavior": ("keep_as_draft mark_uncollectible void"),
    "subscription.status": (
        "active canceled incomplete incomplete_expired past_due paused trialing unpaid"
    ),
    "subscription_schedule.phases.proration_behavior": ("always_invoice create_prorations none"),
    "subscription_schedule.status": ("active canceled completed not_started released"),
}
"""Field -> its known values."""
