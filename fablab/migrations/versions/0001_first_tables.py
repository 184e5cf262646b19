"""First tables: people, resources, certifications, reservations, devices, usage, access, mechanisms."""

import sqlalchemy as sa
from alembic import op

from fablab.reservations import guards

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("via", sa.String(length=16), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject_type", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("after", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_audit_entry_actor_id"), "audit_entry", ["actor_id"], unique=False)
    op.create_index(op.f("ix_audit_entry_at"), "audit_entry", ["at"], unique=False)
    op.create_index("ix_audit_entry_subject", "audit_entry", ["subject_type", "subject_id"], unique=False)
    op.create_table(
        "booking_policy",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "level",
            sa.Enum(
                "kind",
                "group",
                "resource",
                "plan",
                "role",
                name="policylevel",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("target", sa.String(length=32), nullable=False),
        sa.Column("rules", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking_policy")),
        sa.UniqueConstraint("level", "target", name=op.f("uq_booking_policy_level_target")),
    )
    op.create_table(
        "certification",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("description", sa.JSON(none_as_null=True), nullable=False),
        sa.Column(
            "level",
            sa.Enum(
                "supervised",
                "autonomous",
                "instructor",
                name="level",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("validity_days", sa.Integer(), nullable=True),
        sa.Column("validity_months", sa.Integer(), nullable=True),
        sa.Column("validity_ends_on", sa.String(length=5), nullable=True),
        sa.Column("lapse_after_unused_days", sa.Integer(), nullable=True),
        sa.Column("min_age", sa.Integer(), nullable=True),
        sa.Column("quiz_questions", sa.Integer(), nullable=False),
        sa.Column("quiz_pass_percent", sa.Integer(), nullable=False),
        sa.Column("quiz_attempts", sa.Integer(), nullable=True),
        sa.Column("quiz_wait_hours", sa.Integer(), nullable=False),
        sa.Column("practical", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certification")),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("data", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_event_at"), "event", ["at"], unique=False)
    op.create_table(
        "issuer_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("public", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("distrusted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issuer_key")),
        sa.UniqueConstraint("kid", name=op.f("uq_issuer_key_kid")),
    )
    op.create_table(
        "membership_plan",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership_plan")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=255), nullable=False),
        sa.Column("payload", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["kind", "due_at"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "place",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["place.id"], name=op.f("fk_place_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_place")),
    )
    op.create_index(op.f("ix_place_parent_id"), "place", ["parent_id"], unique=False)
    op.create_table(
        "resource_group",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resource_group")),
    )
    op.create_table(
        "sign_in_failure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_failure")),
    )
    op.create_index(op.f("ix_sign_in_failure_account"), "sign_in_failure", ["account"], unique=False)
    op.create_index(op.f("ix_sign_in_failure_address"), "sign_in_failure", ["address"], unique=False)
    op.create_index(op.f("ix_sign_in_failure_at"), "sign_in_failure", ["at"], unique=False)
    op.create_table(
        "stored_answer",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("caller", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stored_answer")),
        sa.UniqueConstraint("caller", "key", name=op.f("uq_stored_answer_caller_key")),
    )
    op.create_index(op.f("ix_stored_answer_created_at"), "stored_answer", ["created_at"], unique=False)
    op.create_table(
        "certification_inclusion",
        sa.Column("certification_id", sa.Integer(), nullable=False),
        sa.Column("included_id", sa.Integer(), nullable=False),
        sa.Column("direct", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["certification_id"], ["certification.id"], name=op.f("fk_certification_inclusion_certification_id")
        ),
        sa.ForeignKeyConstraint(
            ["included_id"], ["certification.id"], name=op.f("fk_certification_inclusion_included_id")
        ),
        sa.PrimaryKeyConstraint("certification_id", "included_id", name=op.f("pk_certification_inclusion")),
    )
    op.create_index(
        op.f("ix_certification_inclusion_included_id"), "certification_inclusion", ["included_id"], unique=False
    )
    op.create_table(
        "certification_prerequisite",
        sa.Column("certification_id", sa.Integer(), nullable=False),
        sa.Column("needed_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["certification_id"], ["certification.id"], name=op.f("fk_certification_prerequisite_certification_id")
        ),
        sa.ForeignKeyConstraint(
            ["needed_id"], ["certification.id"], name=op.f("fk_certification_prerequisite_needed_id")
        ),
        sa.PrimaryKeyConstraint("certification_id", "needed_id", name=op.f("pk_certification_prerequisite")),
    )
    op.create_index(
        op.f("ix_certification_prerequisite_needed_id"), "certification_prerequisite", ["needed_id"], unique=False
    )
    op.create_table(
        "person",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("password", sa.String(length=255), nullable=True),
        sa.Column("session_key", sa.String(length=64), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "maker",
                "instructor",
                "manager",
                "administrator",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("born_on", sa.Date(), nullable=True),
        sa.Column("member_until", sa.Date(), nullable=True),
        sa.Column("plan_id", sa.Integer(), nullable=True),
        sa.Column(
            "audience",
            sa.Enum(
                "citizen",
                "business",
                "school",
                "public_body",
                name="audience",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("organisation", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("anonymised_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["plan_id"], ["membership_plan.id"], name=op.f("fk_person_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("email", name=op.f("uq_person_email")),
        sa.UniqueConstraint("session_key", name=op.f("uq_person_session_key")),
    )
    op.create_table(
        "quiz_question",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("certification_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("explanation", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["certification_id"], ["certification.id"], name=op.f("fk_quiz_question_certification_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quiz_question")),
    )
    op.create_index(op.f("ix_quiz_question_certification_id"), "quiz_question", ["certification_id"], unique=False)
    op.create_table(
        "resource",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "machine",
                "room",
                "office",
                "desk",
                "advisor",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("description", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("place_id", sa.Integer(), nullable=True),
        sa.Column("photo", sa.String(length=255), nullable=True),
        sa.Column("documents", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=True),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column(
            "opening",
            sa.Enum("lab", "always", "own", name="openingrule", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("opening_hours", sa.JSON(none_as_null=True), nullable=False),
        sa.Column(
            "risk_class",
            sa.Enum("a", "b", "c", name="riskclass", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column(
            "service_state",
            sa.Enum(
                "in_service",
                "out_of_service",
                name="servicestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("service_note", sa.String(length=500), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["group_id"], ["resource_group.id"], name=op.f("fk_resource_group_id")),
        sa.ForeignKeyConstraint(["place_id"], ["place.id"], name=op.f("fk_resource_place_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resource")),
    )
    op.create_index(op.f("ix_resource_group_id"), "resource", ["group_id"], unique=False)
    op.create_index(op.f("ix_resource_kind"), "resource", ["kind"], unique=False)
    op.create_index(op.f("ix_resource_place_id"), "resource", ["place_id"], unique=False)
    op.create_table(
        "api_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_api_token_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )
    op.create_index(op.f("ix_api_token_person_id"), "api_token", ["person_id"], unique=False)
    op.create_table(
        "badge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("uid_hash", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_reason", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_badge_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_badge")),
        sa.UniqueConstraint("uid_hash", name=op.f("uq_badge_uid_hash")),
    )
    op.create_index(op.f("ix_badge_person_id"), "badge", ["person_id"], unique=False)
    op.create_table(
        "calendar_feed",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("resource_id", sa.Integer(), nullable=True),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_calendar_feed_person_id")),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"], name=op.f("fk_calendar_feed_resource_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_feed")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_calendar_feed_secret_hash")),
    )
    op.create_index(op.f("ix_calendar_feed_person_id"), "calendar_feed", ["person_id"], unique=False)
    op.create_table(
        "certification_grant",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("certification_id", sa.Integer(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_by_id", sa.Integer(), nullable=True),
        sa.Column(
            "evidence",
            sa.Enum(
                "observed",
                "training",
                "quiz",
                "recognised",
                name="evidence",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("proof", sa.String(length=500), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by_id", sa.Integer(), nullable=True),
        sa.Column("revoked_reason", sa.String(length=500), nullable=False),
        sa.Column("reminded_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminded_days", sa.Integer(), nullable=True),
        sa.Column("end_noted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["certification_id"], ["certification.id"], name=op.f("fk_certification_grant_certification_id")
        ),
        sa.ForeignKeyConstraint(["granted_by_id"], ["person.id"], name=op.f("fk_certification_grant_granted_by_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_certification_grant_person_id")),
        sa.ForeignKeyConstraint(["revoked_by_id"], ["person.id"], name=op.f("fk_certification_grant_revoked_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certification_grant")),
        sa.UniqueConstraint("public_id", name=op.f("uq_certification_grant_public_id")),
    )
    op.create_index(
        op.f("ix_certification_grant_certification_id"), "certification_grant", ["certification_id"], unique=False
    )
    op.create_index(
        "ix_certification_grant_holder", "certification_grant", ["person_id", "certification_id"], unique=False
    )
    op.create_index(
        "ix_certification_grant_period",
        "certification_grant",
        ["valid_until"],
        unique=False,
        sqlite_where=sa.text("end_noted_at IS NULL AND revoked_at IS NULL"),
        postgresql_where=sa.text("end_noted_at IS NULL AND revoked_at IS NULL"),
    )
    op.create_index(
        "ix_certification_grant_unused",
        "certification_grant",
        ["certification_id", "last_used_at", "granted_at"],
        unique=False,
        sqlite_where=sa.text("end_noted_at IS NULL AND revoked_at IS NULL"),
        postgresql_where=sa.text("end_noted_at IS NULL AND revoked_at IS NULL"),
    )
    op.create_index(op.f("ix_certification_grant_valid_until"), "certification_grant", ["valid_until"], unique=False)
    op.create_table(
        "certification_suspension",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("certification_id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_by_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by_id", sa.Integer(), nullable=True),
        sa.Column("end_note", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["certification_id"], ["certification.id"], name=op.f("fk_certification_suspension_certification_id")
        ),
        sa.ForeignKeyConstraint(["ended_by_id"], ["person.id"], name=op.f("fk_certification_suspension_ended_by_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_certification_suspension_person_id")),
        sa.ForeignKeyConstraint(
            ["started_by_id"], ["person.id"], name=op.f("fk_certification_suspension_started_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certification_suspension")),
    )
    op.create_index(
        op.f("ix_certification_suspension_certification_id"),
        "certification_suspension",
        ["certification_id"],
        unique=False,
    )
    op.create_index(
        "ix_certification_suspension_holder",
        "certification_suspension",
        ["person_id", "certification_id"],
        unique=False,
    )
    op.create_table(
        "certification_theory",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("certification_id", sa.Integer(), nullable=False),
        sa.Column("passed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["certification_id"], ["certification.id"], name=op.f("fk_certification_theory_certification_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_certification_theory_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certification_theory")),
        sa.UniqueConstraint(
            "person_id", "certification_id", name=op.f("uq_certification_theory_person_id_certification_id")
        ),
    )
    op.create_index(
        op.f("ix_certification_theory_certification_id"), "certification_theory", ["certification_id"], unique=False
    )
    op.create_table(
        "closure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("resource_id", sa.Integer(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("danger", sa.Boolean(), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_closure_order")),
        sa.ForeignKeyConstraint(["created_by_id"], ["person.id"], name=op.f("fk_closure_created_by_id")),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"], name=op.f("fk_closure_resource_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_closure")),
    )
    op.create_index("ix_closure_ends", "closure", ["ends_at", "resource_id"], unique=False)
    op.create_table(
        "device",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("dialect", sa.String(length=32), nullable=False),
        sa.Column("broker", sa.String(length=64), nullable=False),
        sa.Column("base", sa.String(length=255), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "discovered",
                "adopted",
                "ignored",
                name="devicestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("resource_id", sa.Integer(), nullable=True),
        sa.Column("options", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("fold", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("live", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("adopted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"], name=op.f("fk_device_resource_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
        sa.UniqueConstraint("broker", "dialect", "base", name=op.f("uq_device_broker_dialect_base")),
    )
    op.create_index(op.f("ix_device_resource_id"), "device", ["resource_id"], unique=False)
    op.create_index(op.f("ix_device_state"), "device", ["state"], unique=False)
    op.create_table(
        "notice",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("receiver", sa.String(length=32), nullable=False),
        sa.Column("message", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("params", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("calendar", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_notice_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("receiver", "message", "key", name=op.f("uq_notice_receiver_message_key")),
    )
    op.create_index(op.f("ix_notice_created_at"), "notice", ["created_at"], unique=False)
    op.create_index(op.f("ix_notice_person_id"), "notice", ["person_id"], unique=False)
    op.create_table(
        "notice_channel",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(length=60), nullable=False),
        sa.Column("service", sa.String(length=60), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_notice_channel_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_channel")),
    )
    op.create_index(op.f("ix_notice_channel_person_id"), "notice_channel", ["person_id"], unique=False)
    op.create_table(
        "notice_choice",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("message", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_notice_choice_person_id")),
        sa.PrimaryKeyConstraint("person_id", "message", "channel", name=op.f("pk_notice_choice")),
    )
    op.create_table(
        "opening_exception",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("resource_id", sa.Integer(), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("hours", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("reason", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"], name=op.f("fk_opening_exception_resource_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opening_exception")),
    )
    op.create_index("ix_opening_exception_day", "opening_exception", ["day", "resource_id"], unique=False)
    op.create_table(
        "quiz_attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("certification_id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("questions", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=True),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(
            ["certification_id"], ["certification.id"], name=op.f("fk_quiz_attempt_certification_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_quiz_attempt_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quiz_attempt")),
    )
    op.create_index(op.f("ix_quiz_attempt_certification_id"), "quiz_attempt", ["certification_id"], unique=False)
    op.create_index("ix_quiz_attempt_person", "quiz_attempt", ["person_id", "certification_id"], unique=False)
    op.create_table(
        "quiz_choice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("question_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("correct", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["question_id"], ["quiz_question.id"], name=op.f("fk_quiz_choice_question_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quiz_choice")),
    )
    op.create_index(op.f("ix_quiz_choice_question_id"), "quiz_choice", ["question_id"], unique=False)
    op.create_table(
        "requirement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("resource_id", sa.Integer(), nullable=True),
        sa.Column("group_id", sa.Integer(), nullable=True),
        sa.Column("expression", sa.JSON(none_as_null=True), nullable=False),
        sa.CheckConstraint("(resource_id IS NULL) <> (group_id IS NULL)", name=op.f("ck_requirement_one_target")),
        sa.ForeignKeyConstraint(
            ["group_id"], ["resource_group.id"], name=op.f("fk_requirement_group_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"], name=op.f("fk_requirement_resource_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requirement")),
        sa.UniqueConstraint("group_id", name=op.f("uq_requirement_group_id")),
        sa.UniqueConstraint("resource_id", name=op.f("uq_requirement_resource_id")),
    )
    op.create_table(
        "reservation_series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rule", sa.String(length=500), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("resource_ids", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["created_by_id"], ["person.id"], name=op.f("fk_reservation_series_created_by_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_reservation_series_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservation_series")),
    )
    op.create_index(op.f("ix_reservation_series_person_id"), "reservation_series", ["person_id"], unique=False)
    op.create_table(
        "training",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("description", sa.JSON(none_as_null=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "published",
                "cancelled",
                "closed",
                name="trainingstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("instructor_id", sa.Integer(), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("minimum", sa.Integer(), nullable=False),
        sa.Column("decide_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("price", sa.Integer(), nullable=False),
        sa.Column(
            "audience",
            sa.Enum(
                "citizen",
                "business",
                "school",
                "public_body",
                name="audience",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("cancel_hours", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(length=500), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.CheckConstraint("minimum >= 0 AND minimum <= places", name=op.f("ck_training_minimum")),
        sa.CheckConstraint("places >= 1", name=op.f("ck_training_places")),
        sa.ForeignKeyConstraint(["created_by_id"], ["person.id"], name=op.f("fk_training_created_by_id")),
        sa.ForeignKeyConstraint(["instructor_id"], ["person.id"], name=op.f("fk_training_instructor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training")),
    )
    op.create_index("ix_training_coming", "training", ["state", "starts_at"], unique=False)
    op.create_index(op.f("ix_training_instructor_id"), "training", ["instructor_id"], unique=False)
    op.create_table(
        "access_decision",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=True),
        sa.Column("resource_id", sa.Integer(), nullable=True),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("badge_id", sa.Integer(), nullable=True),
        sa.Column("rid", sa.String(length=100), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=True),
        sa.Column("denials", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("lease_id", sa.Integer(), nullable=True),
        sa.Column("boot", sa.String(length=64), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["badge_id"], ["badge.id"], name=op.f("fk_access_decision_badge_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_access_decision_device_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_access_decision_person_id")),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"], name=op.f("fk_access_decision_resource_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_decision")),
        sa.UniqueConstraint("device_id", "rid", name=op.f("uq_access_decision_device_id_rid")),
    )
    op.create_index(op.f("ix_access_decision_at"), "access_decision", ["at"], unique=False)
    op.create_index("ix_access_decision_person", "access_decision", ["person_id", "at"], unique=False)
    op.create_index("ix_access_decision_resource", "access_decision", ["resource_id", "at"], unique=False)
    op.create_table(
        "alarm",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("resource_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_alarm_device_id")),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"], name=op.f("fk_alarm_resource_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm")),
    )
    op.create_index(op.f("ix_alarm_at"), "alarm", ["at"], unique=False)
    op.create_index("ix_alarm_device", "alarm", ["device_id", "kind", "at"], unique=False)
    op.create_table(
        "enrolment",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("training_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "enrolled",
                "waiting",
                "offered",
                "withdrawn",
                "declined",
                "expired",
                "cancelled",
                name="enrolmentstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("offered_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum("passed", "repeat", name="outcome", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
        sa.Column("outcome_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["created_by_id"], ["person.id"], name=op.f("fk_enrolment_created_by_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_enrolment_person_id")),
        sa.ForeignKeyConstraint(["training_id"], ["training.id"], name=op.f("fk_enrolment_training_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment")),
    )
    op.create_index("ix_enrolment_line", "enrolment", ["training_id", "state", "id"], unique=False)
    op.create_index(op.f("ix_enrolment_person_id"), "enrolment", ["person_id"], unique=False)
    op.create_index(
        "uq_enrolment_open",
        "enrolment",
        ["training_id", "person_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('enrolled', 'waiting', 'offered')"),
        postgresql_where=sa.text("state IN ('enrolled', 'waiting', 'offered')"),
    )
    op.create_table(
        "journal",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=True),
        sa.Column("broker", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("topic", sa.String(length=1024), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("qos", sa.Integer(), nullable=False),
        sa.Column("retained", sa.Boolean(), nullable=False),
        sa.Column("outbound", sa.Boolean(), nullable=False),
        sa.Column("boot", sa.String(length=64), nullable=True),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("problem", sa.String(length=64), nullable=True),
        sa.Column("detail", sa.String(length=300), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_journal_device_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_journal_device", "journal", ["device_id", "id"], unique=False)
    op.create_index(
        "ix_journal_problem",
        "journal",
        ["problem", "id"],
        unique=False,
        sqlite_where=sa.text("problem IS NOT NULL"),
        postgresql_where=sa.text("problem IS NOT NULL"),
    )
    op.create_index(op.f("ix_journal_received_at"), "journal", ["received_at"], unique=False)
    op.create_index(
        "ix_journal_record",
        "journal",
        ["device_id", "boot", "seq"],
        unique=True,
        sqlite_where=sa.text("seq IS NOT NULL"),
        postgresql_where=sa.text("seq IS NOT NULL"),
    )
    op.create_table(
        "notice_delivery",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("notice_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "sent",
                "failed",
                "dropped",
                name="deliverystate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("interrupted", sa.Boolean(), nullable=False),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["notice_id"], ["notice.id"], name=op.f("fk_notice_delivery_notice_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_delivery")),
        sa.UniqueConstraint("notice_id", "channel", name=op.f("uq_notice_delivery_notice_id_channel")),
    )
    op.create_index(
        "ix_notice_delivery_failed",
        "notice_delivery",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state = 'failed'"),
        postgresql_where=sa.text("state = 'failed'"),
    )
    op.create_table(
        "requirement_term",
        sa.Column("requirement_id", sa.Integer(), nullable=False),
        sa.Column("certification_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["certification_id"], ["certification.id"], name=op.f("fk_requirement_term_certification_id")
        ),
        sa.ForeignKeyConstraint(
            ["requirement_id"], ["requirement.id"], name=op.f("fk_requirement_term_requirement_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("requirement_id", "certification_id", name=op.f("pk_requirement_term")),
    )
    op.create_index(
        op.f("ix_requirement_term_certification_id"), "requirement_term", ["certification_id"], unique=False
    )
    op.create_table(
        "reservation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "requested",
                "held",
                "booked",
                "finished",
                "cancelled",
                "rejected",
                "expired",
                "released",
                name="reservationstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "arrived_by",
            sa.Enum(
                "badge",
                "usage",
                "page",
                "staff",
                name="arrivedby",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by_id", sa.Integer(), nullable=True),
        sa.Column("end_reason", sa.String(length=500), nullable=False),
        sa.Column("late_cancelled", sa.Boolean(), nullable=False),
        sa.Column("given_back_late", sa.Boolean(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("party_size", sa.Integer(), nullable=False),
        sa.Column("exclusive", sa.Boolean(), nullable=False),
        sa.Column("on_behalf_reason", sa.String(length=500), nullable=False),
        sa.Column("overrides", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overrun_warned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("extended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("at_risk_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("series_id", sa.Integer(), nullable=True),
        sa.Column("occurrence_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("occurrence_minutes", sa.Integer(), nullable=True),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_reservation_order")),
        sa.CheckConstraint("party_size >= 1", name=op.f("ck_reservation_party_size")),
        sa.ForeignKeyConstraint(["created_by_id"], ["person.id"], name=op.f("fk_reservation_created_by_id")),
        sa.ForeignKeyConstraint(["ended_by_id"], ["person.id"], name=op.f("fk_reservation_ended_by_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_reservation_person_id")),
        sa.ForeignKeyConstraint(["series_id"], ["reservation_series.id"], name=op.f("fk_reservation_series_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservation")),
    )
    op.create_index(
        "ix_reservation_at_risk",
        "reservation",
        ["at_risk_since"],
        unique=False,
        sqlite_where=sa.text("at_risk_since IS NOT NULL"),
        postgresql_where=sa.text("at_risk_since IS NOT NULL"),
    )
    op.create_index("ix_reservation_due", "reservation", ["state", "starts_at"], unique=False)
    op.create_index("ix_reservation_person", "reservation", ["person_id", "ends_at"], unique=False)
    op.create_index(
        "ix_reservation_series",
        "reservation",
        ["series_id"],
        unique=False,
        sqlite_where=sa.text("series_id IS NOT NULL"),
        postgresql_where=sa.text("series_id IS NOT NULL"),
    )
    op.create_table(
        "signed_badge",
        sa.Column("grant_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["certification_grant.id"], name=op.f("fk_signed_badge_grant_id")),
        sa.PrimaryKeyConstraint("grant_id", name=op.f("pk_signed_badge")),
        sa.UniqueConstraint("position", name=op.f("uq_signed_badge_position")),
    )
    op.create_table(
        "training_certification",
        sa.Column("training_id", sa.Integer(), nullable=False),
        sa.Column("certification_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["certification_id"], ["certification.id"], name=op.f("fk_training_certification_certification_id")
        ),
        sa.ForeignKeyConstraint(["training_id"], ["training.id"], name=op.f("fk_training_certification_training_id")),
        sa.PrimaryKeyConstraint("training_id", "certification_id", name=op.f("pk_training_certification")),
    )
    op.create_index(
        op.f("ix_training_certification_certification_id"), "training_certification", ["certification_id"], unique=False
    )
    op.create_table(
        "allocation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reservation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("resource_id", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_allocation_order")),
        sa.ForeignKeyConstraint(["reservation_id"], ["reservation.id"], name=op.f("fk_allocation_reservation_id")),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"], name=op.f("fk_allocation_resource_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocation")),
    )
    op.create_index(
        "ix_allocation_live",
        "allocation",
        ["resource_id", "ends_at", "starts_at"],
        unique=False,
        sqlite_where=sa.text("live"),
        postgresql_where=sa.text("live"),
    )
    op.create_index(op.f("ix_allocation_reservation_id"), "allocation", ["reservation_id"], unique=False)
    op.create_table(
        "reservation_companion",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reservation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("called", sa.String(length=254), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_reservation_companion_person_id")),
        sa.ForeignKeyConstraint(
            ["reservation_id"], ["reservation.id"], name=op.f("fk_reservation_companion_reservation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservation_companion")),
        sa.UniqueConstraint(
            "reservation_id", "person_id", name=op.f("uq_reservation_companion_reservation_id_person_id")
        ),
    )
    op.create_index(op.f("ix_reservation_companion_person_id"), "reservation_companion", ["person_id"], unique=False)
    op.create_table(
        "reservation_let",
        sa.Column("reservation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("keys", sa.String(length=200), nullable=False),
        sa.Column("keys_returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deposit", sa.Integer(), nullable=False),
        sa.Column("deposit_returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notice_days", sa.Integer(), nullable=False),
        sa.Column("notice_given_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["reservation_id"], ["reservation.id"], name=op.f("fk_reservation_let_reservation_id")),
        sa.PrimaryKeyConstraint("reservation_id", name=op.f("pk_reservation_let")),
    )
    op.create_table(
        "reservation_skipped",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("occurrence_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("denials", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("reservation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(
            ["reservation_id"], ["reservation.id"], name=op.f("fk_reservation_skipped_reservation_id")
        ),
        sa.ForeignKeyConstraint(
            ["series_id"], ["reservation_series.id"], name=op.f("fk_reservation_skipped_series_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservation_skipped")),
        sa.UniqueConstraint("series_id", "occurrence_at", name=op.f("uq_reservation_skipped_series_id_occurrence_at")),
    )
    op.create_table(
        "training_date",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("training_id", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reservation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_training_date_order")),
        sa.ForeignKeyConstraint(["reservation_id"], ["reservation.id"], name=op.f("fk_training_date_reservation_id")),
        sa.ForeignKeyConstraint(["training_id"], ["training.id"], name=op.f("fk_training_date_training_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_date")),
        sa.UniqueConstraint("reservation_id", name=op.f("uq_training_date_reservation_id")),
    )
    op.create_index(op.f("ix_training_date_starts_at"), "training_date", ["starts_at"], unique=False)
    op.create_index(op.f("ix_training_date_training_id"), "training_date", ["training_id"], unique=False)
    op.create_table(
        "training_grant",
        sa.Column("grant_id", sa.Integer(), nullable=False),
        sa.Column("enrolment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolment.id"], name=op.f("fk_training_grant_enrolment_id")),
        sa.ForeignKeyConstraint(["grant_id"], ["certification_grant.id"], name=op.f("fk_training_grant_grant_id")),
        sa.PrimaryKeyConstraint("grant_id", name=op.f("pk_training_grant")),
    )
    op.create_index(op.f("ix_training_grant_enrolment_id"), "training_grant", ["enrolment_id"], unique=False)
    op.create_table(
        "usage_session",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=True),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("resource_id", sa.Integer(), nullable=True),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("reservation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "outcome",
            sa.Enum(
                "completed",
                "cancelled",
                "failed",
                "interrupted",
                "ended",
                "unknown",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("job", sa.String(length=500), nullable=True),
        sa.Column("progress", sa.Double(), nullable=True),
        sa.Column("working_s", sa.Double(), nullable=True),
        sa.Column("paused_s", sa.Double(), nullable=True),
        sa.Column("energy_wh", sa.Double(), nullable=True),
        sa.Column("material", sa.String(length=100), nullable=True),
        sa.Column("grams", sa.Double(), nullable=True),
        sa.Column("flags", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_usage_session_device_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_usage_session_person_id")),
        sa.ForeignKeyConstraint(["reservation_id"], ["reservation.id"], name=op.f("fk_usage_session_reservation_id")),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"], name=op.f("fk_usage_session_resource_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_session")),
        sa.UniqueConstraint("device_id", "key", name=op.f("uq_usage_session_device_id_key")),
    )
    op.create_index(
        "ix_usage_session_open",
        "usage_session",
        ["resource_id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_usage_session_person", "usage_session", ["person_id", "started_at"], unique=False)
    op.create_index(op.f("ix_usage_session_reservation_id"), "usage_session", ["reservation_id"], unique=False)
    op.create_index("ix_usage_session_resource", "usage_session", ["resource_id", "started_at"], unique=False)
    op.create_index(op.f("ix_usage_session_started_at"), "usage_session", ["started_at"], unique=False)
    op.create_table(
        "waiting_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("resource_id", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "offered",
                "accepted",
                "declined",
                "expired",
                "left",
                name="waitingstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("offer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_waiting_entry_order")),
        sa.ForeignKeyConstraint(["offer_id"], ["reservation.id"], name=op.f("fk_waiting_entry_offer_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_waiting_entry_person_id")),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"], name=op.f("fk_waiting_entry_resource_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiting_entry")),
        sa.UniqueConstraint("offer_id", name=op.f("uq_waiting_entry_offer_id")),
    )
    op.create_index("ix_waiting_entry_line", "waiting_entry", ["resource_id", "state", "id"], unique=False)
    op.create_index(op.f("ix_waiting_entry_person_id"), "waiting_entry", ["person_id"], unique=False)
    op.create_table(
        "attendance",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("enrolment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("date_id", sa.Integer(), nullable=False),
        sa.Column(
            "mark",
            sa.Enum("present", "absent", "excused", name="mark", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("marked_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["date_id"], ["training_date.id"], name=op.f("fk_attendance_date_id")),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolment.id"], name=op.f("fk_attendance_enrolment_id")),
        sa.ForeignKeyConstraint(["marked_by_id"], ["person.id"], name=op.f("fk_attendance_marked_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attendance")),
        sa.UniqueConstraint("enrolment_id", "date_id", name=op.f("uq_attendance_enrolment_id_date_id")),
    )
    op.create_index(op.f("ix_attendance_date_id"), "attendance", ["date_id"], unique=False)
    op.create_table(
        "usage_reading",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("session_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("power_w", sa.Double(), nullable=True),
        sa.Column("energy_wh", sa.Double(), nullable=True),
        sa.Column("progress", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["usage_session.id"], name=op.f("fk_usage_reading_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_reading")),
    )
    op.create_index("ix_usage_reading_session", "usage_reading", ["session_id", "at"], unique=False)
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in guards.SQLITE if on_sqlite else guards.POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    op.drop_index("ix_usage_reading_session", table_name="usage_reading")
    op.drop_table("usage_reading")
    op.drop_index(op.f("ix_attendance_date_id"), table_name="attendance")
    op.drop_table("attendance")
    op.drop_index(op.f("ix_waiting_entry_person_id"), table_name="waiting_entry")
    op.drop_index("ix_waiting_entry_line", table_name="waiting_entry")
    op.drop_table("waiting_entry")
    op.drop_index(op.f("ix_usage_session_started_at"), table_name="usage_session")
    op.drop_index("ix_usage_session_resource", table_name="usage_session")
    op.drop_index(op.f("ix_usage_session_reservation_id"), table_name="usage_session")
    op.drop_index("ix_usage_session_person", table_name="usage_session")
    op.drop_index(
        "ix_usage_session_open",
        table_name="usage_session",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_table("usage_session")
    op.drop_index(op.f("ix_training_grant_enrolment_id"), table_name="training_grant")
    op.drop_table("training_grant")
    op.drop_index(op.f("ix_training_date_training_id"), table_name="training_date")
    op.drop_index(op.f("ix_training_date_starts_at"), table_name="training_date")
    op.drop_table("training_date")
    op.drop_table("reservation_skipped")
    op.drop_table("reservation_let")
    op.drop_index(op.f("ix_reservation_companion_person_id"), table_name="reservation_companion")
    op.drop_table("reservation_companion")
    op.drop_index(op.f("ix_allocation_reservation_id"), table_name="allocation")
    op.drop_index(
        "ix_allocation_live", table_name="allocation", sqlite_where=sa.text("live"), postgresql_where=sa.text("live")
    )
    op.drop_table("allocation")
    op.drop_index(op.f("ix_training_certification_certification_id"), table_name="training_certification")
    op.drop_table("training_certification")
    op.drop_table("signed_badge")
    op.drop_index(
        "ix_reservation_series",
        table_name="reservation",
        sqlite_where=sa.text("series_id IS NOT NULL"),
        postgresql_where=sa.text("series_id IS NOT NULL"),
    )
    op.drop_index("ix_reservation_person", table_name="reservation")
    op.drop_index("ix_reservation_due", table_name="reservation")
    op.drop_index(
        "ix_reservation_at_risk",
        table_name="reservation",
        sqlite_where=sa.text("at_risk_since IS NOT NULL"),
        postgresql_where=sa.text("at_risk_since IS NOT NULL"),
    )
    op.drop_table("reservation")
    op.drop_index(op.f("ix_requirement_term_certification_id"), table_name="requirement_term")
    op.drop_table("requirement_term")
    op.drop_index(
        "ix_notice_delivery_failed",
        table_name="notice_delivery",
        sqlite_where=sa.text("state = 'failed'"),
        postgresql_where=sa.text("state = 'failed'"),
    )
    op.drop_table("notice_delivery")
    op.drop_index(
        "ix_journal_record",
        table_name="journal",
        sqlite_where=sa.text("seq IS NOT NULL"),
        postgresql_where=sa.text("seq IS NOT NULL"),
    )
    op.drop_index(op.f("ix_journal_received_at"), table_name="journal")
    op.drop_index(
        "ix_journal_problem",
        table_name="journal",
        sqlite_where=sa.text("problem IS NOT NULL"),
        postgresql_where=sa.text("problem IS NOT NULL"),
    )
    op.drop_index("ix_journal_device", table_name="journal")
    op.drop_table("journal")
    op.drop_index(
        "uq_enrolment_open",
        table_name="enrolment",
        sqlite_where=sa.text("state IN ('enrolled', 'waiting', 'offered')"),
        postgresql_where=sa.text("state IN ('enrolled', 'waiting', 'offered')"),
    )
    op.drop_index(op.f("ix_enrolment_person_id"), table_name="enrolment")
    op.drop_index("ix_enrolment_line", table_name="enrolment")
    op.drop_table("enrolment")
    op.drop_index("ix_alarm_device", table_name="alarm")
    op.drop_index(op.f("ix_alarm_at"), table_name="alarm")
    op.drop_table("alarm")
    op.drop_index("ix_access_decision_resource", table_name="access_decision")
    op.drop_index("ix_access_decision_person", table_name="access_decision")
    op.drop_index(op.f("ix_access_decision_at"), table_name="access_decision")
    op.drop_table("access_decision")
    op.drop_index(op.f("ix_training_instructor_id"), table_name="training")
    op.drop_index("ix_training_coming", table_name="training")
    op.drop_table("training")
    op.drop_index(op.f("ix_reservation_series_person_id"), table_name="reservation_series")
    op.drop_table("reservation_series")
    op.drop_table("requirement")
    op.drop_index(op.f("ix_quiz_choice_question_id"), table_name="quiz_choice")
    op.drop_table("quiz_choice")
    op.drop_index("ix_quiz_attempt_person", table_name="quiz_attempt")
    op.drop_index(op.f("ix_quiz_attempt_certification_id"), table_name="quiz_attempt")
    op.drop_table("quiz_attempt")
    op.drop_index("ix_opening_exception_day", table_name="opening_exception")
    op.drop_table("opening_exception")
    op.drop_table("notice_choice")
    op.drop_index(op.f("ix_notice_channel_person_id"), table_name="notice_channel")
    op.drop_table("notice_channel")
    op.drop_index(op.f("ix_notice_person_id"), table_name="notice")
    op.drop_index(op.f("ix_notice_created_at"), table_name="notice")
    op.drop_table("notice")
    op.drop_index(op.f("ix_device_state"), table_name="device")
    op.drop_index(op.f("ix_device_resource_id"), table_name="device")
    op.drop_table("device")
    op.drop_index("ix_closure_ends", table_name="closure")
    op.drop_table("closure")
    op.drop_index(op.f("ix_certification_theory_certification_id"), table_name="certification_theory")
    op.drop_table("certification_theory")
    op.drop_index("ix_certification_suspension_holder", table_name="certification_suspension")
    op.drop_index(op.f("ix_certification_suspension_certification_id"), table_name="certification_suspension")
    op.drop_table("certification_suspension")
    op.drop_index(op.f("ix_certification_grant_valid_until"), table_name="certification_grant")
    op.drop_index(
        "ix_certification_grant_unused",
        table_name="certification_grant",
        sqlite_where=sa.text("end_noted_at IS NULL AND revoked_at IS NULL"),
        postgresql_where=sa.text("end_noted_at IS NULL AND revoked_at IS NULL"),
    )
    op.drop_index(
        "ix_certification_grant_period",
        table_name="certification_grant",
        sqlite_where=sa.text("end_noted_at IS NULL AND revoked_at IS NULL"),
        postgresql_where=sa.text("end_noted_at IS NULL AND revoked_at IS NULL"),
    )
    op.drop_index("ix_certification_grant_holder", table_name="certification_grant")
    op.drop_index(op.f("ix_certification_grant_certification_id"), table_name="certification_grant")
    op.drop_table("certification_grant")
    op.drop_index(op.f("ix_calendar_feed_person_id"), table_name="calendar_feed")
    op.drop_table("calendar_feed")
    op.drop_index(op.f("ix_badge_person_id"), table_name="badge")
    op.drop_table("badge")
    op.drop_index(op.f("ix_api_token_person_id"), table_name="api_token")
    op.drop_table("api_token")
    op.drop_index(op.f("ix_resource_place_id"), table_name="resource")
    op.drop_index(op.f("ix_resource_kind"), table_name="resource")
    op.drop_index(op.f("ix_resource_group_id"), table_name="resource")
    op.drop_table("resource")
    op.drop_index(op.f("ix_quiz_question_certification_id"), table_name="quiz_question")
    op.drop_table("quiz_question")
    op.drop_table("person")
    op.drop_index(op.f("ix_certification_prerequisite_needed_id"), table_name="certification_prerequisite")
    op.drop_table("certification_prerequisite")
    op.drop_index(op.f("ix_certification_inclusion_included_id"), table_name="certification_inclusion")
    op.drop_table("certification_inclusion")
    op.drop_index(op.f("ix_stored_answer_created_at"), table_name="stored_answer")
    op.drop_table("stored_answer")
    op.drop_index(op.f("ix_sign_in_failure_at"), table_name="sign_in_failure")
    op.drop_index(op.f("ix_sign_in_failure_address"), table_name="sign_in_failure")
    op.drop_index(op.f("ix_sign_in_failure_account"), table_name="sign_in_failure")
    op.drop_table("sign_in_failure")
    op.drop_table("resource_group")
    op.drop_index(op.f("ix_place_parent_id"), table_name="place")
    op.drop_table("place")
    op.drop_index(
        "ix_outbox_waiting",
        table_name="outbox",
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.drop_table("outbox")
    op.drop_table("membership_plan")
    op.drop_table("issuer_key")
    op.drop_index(op.f("ix_event_at"), table_name="event")
    op.drop_table("event")
    op.drop_table("certification")
    op.drop_table("booking_policy")
    op.drop_index("ix_audit_entry_subject", table_name="audit_entry")
    op.drop_index(op.f("ix_audit_entry_at"), table_name="audit_entry")
    op.drop_index(op.f("ix_audit_entry_actor_id"), table_name="audit_entry")
    op.drop_table("audit_entry")
