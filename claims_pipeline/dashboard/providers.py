"""One provider: whom they see, what they charge, and how their mix of services differs from that of their peers."""

from pydantic import BaseModel, Field

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.details import NotFound
from claims_pipeline.dashboard.measures import plain_number
from claims_pipeline.dashboard.shown_sql import RUN_AS_IT_IS, shown_sql

FIGURES = {
    "claim_count": "Claims",
    "patient_count": "Patients",
    "charge_amount": "Charges",
    "average_charge_amount": "Average charge",
    "claims_a_patient": "Claims for each patient",
}

_FIGURES = """with panels as (
    select practitioner_id, count(*) as claim_count, count(distinct patient_number) as patient_count,
        coalesce(sum(total_charge_amount) filter (where claim_status = 'active'), 0)::decimal(18, 2) as charge_amount,
        avg(total_charge_amount) filter (where claim_status = 'active') as average_charge_amount,
        count(*) / count(distinct patient_number) as claims_a_patient
    from claims_current
    where specialty = (select any_value(specialty) from claims_current where practitioner_id = ?)
    group by practitioner_id
)
select figure, round(any_value(amount) filter (where practitioner_id = ?), 2) as amount,
    round(median(amount), 2) as peer_median
from (
    unpivot (select practitioner_id, claim_count::double as claim_count, patient_count::double as patient_count,
        charge_amount::double as charge_amount, average_charge_amount, claims_a_patient from panels)
    on columns(* exclude practitioner_id) into name figure value amount
)
group by figure"""

_MIX = """with counted as (
    select procedure_category, count(*) as peer_count, count(*) filter (where practitioner_id = ?) as line_count
    from claim_lines join claims_current using (claim_number)
    where specialty = (select any_value(specialty) from claims_current where practitioner_id = ?)
    group by procedure_category
)
select procedure_category as category, line_count,
    round(100.0 * line_count / nullif(sum(line_count) over (), 0), 1) as line_percent,
    round(100.0 * peer_count / sum(peer_count) over (), 1) as peer_percent
from counted order by line_count desc, peer_count desc, category"""


class ProviderFigure(BaseModel):
    """One figure of a provider, beside the median of the providers of the specialty, themselves included."""

    name: str
    title: str
    value: float | None
    peer_median: float | None


class ProviderMix(BaseModel):
    """Service lines of one category of procedures."""

    category: str
    line_count: int
    line_percent: float | None = Field(description="Share of the provider's lines.")
    peer_percent: float = Field(description="Share of the lines of the specialty.")


class ProviderDetail(BaseModel):
    """One rendering provider, over all claims of every status; charges are those of active claims."""

    practitioner_id: str
    practitioner_name: str
    specialty: str
    organization_id: str
    organization_name: str
    facility_city: str
    facility_state: str
    peer_count: int = Field(description="Providers of the specialty with a claim, this one included.")
    figures: list[ProviderFigure]
    mix: list[ProviderMix]
    claims: str = Field(description="Address of the provider's claims.")
    fhir_url: str = Field(description="The practitioner on the FHIR server, if loaded.")
    sql: str = Field(description=f"The figures. {RUN_AS_IT_IS}")
    mix_sql: str = Field(description=f"The mix. {RUN_AS_IT_IS}")


def provider_detail(view: View, practitioner_id: str, *, fhir_base_url: str) -> ProviderDetail:
    """Return a provider's figures beside the medians of the specialty, and the mix of services beside that of all.

    Raises:
        NotFound: the build has no claim of such a provider.
    """
    found = view.select(
        """select practitioner_name, specialty, organization_id, organization_name, facility_city, facility_state,
            (select count(distinct practitioner_id) from claims_current where specialty = own.specialty) as peer_count
        from claims_current as own where practitioner_id = ? order by received_date desc, claim_id limit 1""",
        practitioner_id,
    )
    if not found:
        raise NotFound(
            f"there is no provider {practitioner_id}",
            where="/api/stats/by-provider",
            fix="/api/stats/by-provider lists them",
        )
    chosen = [practitioner_id, practitioner_id]
    figures = {row["figure"]: row for row in view.select_remembered(_FIGURES, *chosen)}
    return ProviderDetail(
        practitioner_id=practitioner_id,
        **found[0],
        figures=[
            ProviderFigure(
                name=name,
                title=title,
                value=plain_number(figures[name]["amount"]) if name in figures else None,
                peer_median=plain_number(figures[name]["peer_median"]) if name in figures else None,
            )
            for name, title in FIGURES.items()
        ],
        mix=[ProviderMix.model_validate(row) for row in view.select_remembered(_MIX, *chosen)],
        claims=f"/api/claims?provider={practitioner_id}",
        fhir_url=f"{fhir_base_url}/Practitioner/{practitioner_id}",
        sql=shown_sql(_FIGURES, chosen),
        mix_sql=shown_sql(_MIX, chosen),
    )
