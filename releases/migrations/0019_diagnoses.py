from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("releases", "0018_builds_by_time"),
    ]

    operations = [
        migrations.AddField(
            model_name="rollout",
            name="diagnosis",
            field=models.JSONField(help_text="what was found at the moment of the verdict, if it failed", null=True),
        ),
    ]
