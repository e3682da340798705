"""Stripe's settings: both secrets or neither, and nothing but https where it is deployed."""

import pytest

from konnect.config import ConfigError, load

DEPLOYED = {
    "K_SERVICE": "api",
    "TASKS_URL": "https://tasks.example",
    "RAZORPAY_KEY_ID": "k",
    "RAZORPAY_KEY_SECRET": "s",
    "RAZORPAY_WEBHOOK_SECRET": "w",
    "KMS_KEY": "key",
}
BOTH = {"STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_WEBHOOK_SECRET": "whsec_1"}


def test_a_deployment_without_stripe_is_whole():
    assert load(DEPLOYED).stripe_secret_key == ""
    assert load({**DEPLOYED, **BOTH}).stripe_url == "https://api.stripe.com"


@pytest.mark.parametrize("name", BOTH)
def test_half_of_it_is_refused(name: str):
    with pytest.raises(ConfigError, match="belong together"):
        load({name: BOTH[name]})


def test_the_key_goes_over_https_alone():
    with pytest.raises(ConfigError, match="STRIPE_URL without https"):
        load({**DEPLOYED, **BOTH, "STRIPE_URL": "http://stripe.example"})
