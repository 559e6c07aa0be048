"""What an account pays and how much it may send (reference 1.2, 5.3, 5.5)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper.engine.accounts import Account, DayVolume
from paper.engine.fees import DAYS, REBATES, REFERRAL_DISCOUNT, TIERS, Rates, Tier, utc_day
from paper.engine.venue import PaperVenue
from paper.hyperliquid.limits import requests_cap
from paper.hyperliquid.wire import bare, number, usd

Json = dict[str, Any]


def user_fees(venue: PaperVenue, user: str) -> Json:
    """Return `userFees`: the days that set the tier, the schedule and the rates in force."""
    account = venue.account(user) or Account(address=user)
    payer = venue.payer(account)
    rates = venue.fees.rates(payer, venue.now(), venue.settings)
    days = [utc_day(venue.now(), back) for back in range(DAYS, -1, -1)]
    referred = number(REFERRAL_DISCOUNT) if payer.referred_by else "0.0"
    return {
        "dailyUserVlm": [_day(venue, day, payer.days.get(day, DayVolume())) for day in days],
        "feeSchedule": _schedule(),
        "userCrossRate": number(rates.taker),
        "userAddRate": number(rates.maker),
        "userSpotCrossRate": number(rates.spot_taker),
        "userSpotAddRate": number(rates.spot_maker),
        "activeReferralDiscount": referred,
        "trial": None,
        "feeTrialEscrow": "0.0",
        "nextTrialAvailableTimestamp": None,
        "stakingLink": None,
        "activeStakingDiscount": {"bpsOfMaxSupply": "0.0", "discount": "0.0"},
    }


def _day(venue: PaperVenue, day: str, volume: DayVolume) -> Json:
    exchange = number(venue.settings.exchange_daily_volume)
    return {"date": day, "userCross": usd(volume.cross), "userAdd": usd(volume.add), "exchange": exchange}


def _rates(rates: Rates) -> Json:
    return {
        "cross": number(rates.taker),
        "add": number(rates.maker),
        "spotCross": number(rates.spot_taker),
        "spotAdd": number(rates.spot_maker),
    }


def _vip(tier: Tier) -> Json:
    return {"ntlCutoff": number(tier.cutoff), **_rates(tier.rates)}


def _schedule() -> Json:
    rebates = [{"makerFractionCutoff": bare(cutoff), "add": number(rebate)} for cutoff, rebate in REBATES]
    return {
        **_rates(TIERS[0].rates),
        "tiers": {"vip": [_vip(tier) for tier in TIERS[1:]], "mm": rebates},
        "referralDiscount": number(REFERRAL_DISCOUNT),
        "stakingDiscountTiers": [{"bpsOfMaxSupply": "0.0", "discount": "0.0"}],
    }


def user_rate_limit(venue: PaperVenue, user: str) -> Json:
    """Return `userRateLimit`; the surplus is what was bought, not what is left."""
    account = venue.account(user) or Account(address=user)
    return {
        "cumVlm": usd(account.volume),
        "nRequestsUsed": account.requests_used,
        "nRequestsCap": requests_cap(account) - account.requests_bought,
        "nRequestsSurplus": account.requests_bought,
    }


def referral(venue: PaperVenue, user: str) -> Json:
    """Return `referral`; no rewards are paid here."""
    account = venue.account(user) or Account(address=user)
    by = next((other for other in venue.accounts.values() if other.own_code == account.referred_by != ""), None)
    return {
        "referredBy": None if by is None else {"referrer": by.address, "code": by.own_code},
        "cumVlm": usd(account.volume),
        "unclaimedRewards": "0.0",
        "claimedRewards": "0.0",
        "builderRewards": "0.0",
        "tokenToState": [],
        "referrerState": _referrer_state(venue, account),
        "rewardHistory": [],
    }


REFERRER_VOLUME = Decimal(10_000)


def _referrer_state(venue: PaperVenue, account: Account) -> Json:
    if account.own_code:
        theirs = [other for other in venue.accounts.values() if other.referred_by == account.own_code]
        states = [
            {
                "user": other.address,
                "cumVlm": usd(other.volume),
                "cumRewardedFeesSinceReferred": "0.0",
                "cumFeesRewardedToReferrer": "0.0",
                "timeJoined": other.created_ms,
            }
            for other in theirs
        ]
        data: Json = {"code": account.own_code, "nReferrals": len(theirs), "referralStates": states}
        return {"stage": "ready", "data": data}
    if account.volume < REFERRER_VOLUME:
        return {"stage": "needToTrade", "data": {"required": number(REFERRER_VOLUME)}}
    return {"stage": "needToCreateCode"}
